package client

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signatureValidity is how long a signature is valid. It also limits how far
// the local clock may be behind the service's.
const signatureValidity = 10 * time.Minute

// appIDRequest builds a sign-in by App ID (API page: App ID login). Its form is
// the one since 2024, with access= in the header and X-Token-Type.
func (c *Client) appIDRequest(ctx context.Context, key string) (*http.Request, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.cfg.Random, random[:]); err != nil {
		return nil, fmt.Errorf("make nonce: %w", err)
	}
	nonce := hex.EncodeToString(random[:])
	expireTime := c.cfg.Now().Add(signatureValidity).Unix()
	req, err := c.newSignIn(ctx, "/v2/usg/acs/auth/appauth", struct {
		AppID      string `json:"appId"`
		ClientType int    `json:"clientType"`
		ExpireTime int64  `json:"expireTime"`
		Nonce      string `json:"nonce"`
		UserID     string `json:"userId,omitempty"`
		CorpID     string `json:"corpId,omitempty"`
	}{c.cfg.AppID, clientTypeAPI, expireTime, nonce, c.cfg.UserID, c.cfg.CorpID})
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Token-Type", "LongTicket")
	req.Header.Set("Authorization", "HMAC-SHA256 signature="+
		Sign(key, c.cfg.AppID, c.cfg.CorpID, c.cfg.UserID, expireTime, nonce)+
		",access="+base64.StdEncoding.EncodeToString([]byte(c.cfg.AppID)))
	return req, nil
}

// Sign returns the signature of a sign-in by App ID in hexadecimal (API page:
// App ID login). It is the HMAC-SHA256 of appId:userId:expireTime:nonce with
// the App Key. An empty user ID keeps its colon. In SP mode, the corp ID and a
// colon come before the user ID. expireTime is in Unix seconds.
func Sign(key, appID, corpID, userID string, expireTime int64, nonce string) string {
	fields := []string{appID}
	if corpID != "" {
		fields = append(fields, corpID)
	}
	fields = append(fields, userID, strconv.FormatInt(expireTime, 10), nonce)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join(fields, ":")))
	return hex.EncodeToString(mac.Sum(nil))
}

package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AccountState is whether the account may sign in.
type AccountState int

// The states of the account. A state other than AccountActive refuses
// sign-ins; tokens already given out live on.
const (
	AccountActive   AccountState = iota
	AccountDisabled              // sign-ins get 412
	AccountLocked                // sign-ins get 423
)

// SetAccountState changes whether anybody can sign in, by App ID or account.
func (s *Service) SetAccountState(state AccountState) { s.account.Store(int32(state)) }

// Error codes of the sign-in. The API page names statuses rather than codes:
// those of badRequest and accountLocked are our own guess.
const (
	badRequest      = "USG.200000001"
	wrongPassword   = "USG.206010000"
	accountInactive = "USG.206010007"
	accountLocked   = "USG.206010008"
	appIDRefused    = "USG.206010025"
	appIDExpired    = "USG.206010057"
)

// maxBody bounds the bodies of requests, in bytes.
const maxBody = 64 << 10

// clientTypes are the kinds of client that the API pages list.
var clientTypes = []int{0, 5, 6, 50, 51, 52, 53, 54, 55, clientAPI}

type signInBody struct {
	AppID      string `json:"appId"`
	Account    string `json:"account"`
	ClientType *int   `json:"clientType"`
	ExpireTime *int64 `json:"expireTime"` // Unix seconds, 0: never
	Nonce      string `json:"nonce"`
	UserID     string `json:"userId"`
	CorpID     string `json:"corpId"`
}

// refusal is why a sign-in fails.
type refusal struct {
	status        int
	code, message string
}

func (s *Service) signInByAppID(w http.ResponseWriter, r *http.Request) {
	body, no := s.readSignIn(w, r)
	if no == nil {
		no = s.checkAppID(r, body)
	}
	s.answerSignIn(w, r, body.UserID, body, no)
}

func (s *Service) signInByAccount(w http.ResponseWriter, r *http.Request) {
	body, no := s.readSignIn(w, r)
	if no == nil {
		no = s.checkPassword(r, body)
	}
	s.answerSignIn(w, r, "", body, no)
}

// readSignIn reads and checks what both ways in have in common.
func (s *Service) readSignIn(w http.ResponseWriter, r *http.Request) (signInBody, *refusal) {
	var body signInBody
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body)
	switch {
	case err != nil:
		return body, &refusal{http.StatusBadRequest, badRequest, "The request body is not valid JSON"}
	case body.ClientType == nil || !slices.Contains(clientTypes, *body.ClientType):
		return body, &refusal{http.StatusBadRequest, badRequest, "clientType is invalid"}
	}
	return body, nil
}

func (s *Service) checkAppID(r *http.Request, body signInBody) *refusal {
	refused := func(message string) *refusal {
		return &refusal{http.StatusUnauthorized, appIDRefused, message}
	}
	signature, access, ok := parseAuthorization(r.Header.Get("Authorization"))
	switch {
	case r.Header.Get("X-Token-Type") != "LongTicket":
		return &refusal{http.StatusBadRequest, badRequest, "X-Token-Type is invalid"}
	case body.ExpireTime == nil || *body.ExpireTime < 0:
		return &refusal{http.StatusBadRequest, badRequest, "expireTime is invalid"}
	case len(body.Nonce) < 32 || len(body.Nonce) > 64:
		return &refusal{http.StatusBadRequest, badRequest, "nonce must have 32 to 64 characters"}
	case !ok || s.cfg.AppID == "" || body.AppID != s.cfg.AppID || access != s.cfg.AppID:
		return refused("App ID authentication failed")
	case body.CorpID != "" && body.CorpID != s.cfg.CorpID:
		return refused("corpId does not belong to the App ID")
	case !hmac.Equal(signature, s.sign(body)):
		return refused("App ID authentication failed: wrong signature")
	case *body.ExpireTime != 0 && s.cfg.Now().Unix() > *body.ExpireTime:
		return &refusal{http.StatusUnauthorized, appIDExpired, "App ID authentication has expired"}
	}
	return nil
}

// parseAuthorization takes apart the header
//
//	HMAC-SHA256 signature=<hex>,access=<base64 of the App ID>
func parseAuthorization(header string) (signature []byte, access string, ok bool) {
	parameters, ok := strings.CutPrefix(header, "HMAC-SHA256 ")
	if !ok {
		return nil, "", false
	}
	first, second, ok := strings.Cut(parameters, ",")
	if !ok {
		return nil, "", false
	}
	hexSignature, ok1 := strings.CutPrefix(strings.TrimSpace(first), "signature=")
	base64ID, ok2 := strings.CutPrefix(strings.TrimSpace(second), "access=")
	signature, err1 := hex.DecodeString(hexSignature)
	id, err2 := base64.StdEncoding.DecodeString(base64ID)
	return signature, string(id), ok1 && ok2 && err1 == nil && err2 == nil
}

// sign computes the signature that the request should carry. An empty part
// keeps its colon; only in SP mode is there a part for corpId.
func (s *Service) sign(body signInBody) []byte {
	text := body.AppID + ":"
	if s.cfg.CorpID != "" {
		text += body.CorpID + ":"
	}
	text += fmt.Sprintf("%s:%d:%s", body.UserID, *body.ExpireTime, body.Nonce)
	mac := hmac.New(sha256.New, []byte(*s.appKey.Load()))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (s *Service) checkPassword(r *http.Request, body signInBody) *refusal {
	account, password, ok := r.BasicAuth()
	if !ok || s.cfg.Account == "" || account != s.cfg.Account || password != s.cfg.Password || body.Account != account {
		return &refusal{http.StatusUnauthorized, wrongPassword, "Incorrect account or password"}
	}
	return nil
}

// answerSignIn gives out a token unless there is a reason not to.
func (s *Service) answerSignIn(w http.ResponseWriter, r *http.Request, user string, body signInBody, no *refusal) {
	if no == nil {
		switch AccountState(s.account.Load()) {
		case AccountDisabled:
			no = &refusal{http.StatusPreconditionFailed, accountInactive, "The account is disabled"}
		case AccountLocked:
			no = &refusal{http.StatusLocked, accountLocked, "The account is locked"}
		}
	}
	if no != nil {
		fail(w, no.status, no.code, no.message)
		return
	}
	now := s.cfg.Now()
	tok, life := s.tokens.issue(user, *body.ClientType, now)
	reply(w, http.StatusOK, s.session(r, tok, life, now))
}

// refreshLife is how long a refresh token lives.
const refreshLife = 30 * 24 * time.Hour

// session is the answer to a sign-in. Mind the units: periods and expireTime
// are seconds, the instants of creation milliseconds.
func (s *Service) session(r *http.Request, tok token, life time.Duration, now time.Time) map[string]any {
	adminType := 0
	if Role(s.role.Load()) == User {
		adminType = 2
	}
	p := s.archive.enterprise.people[0]
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	return map[string]any{
		"accessToken":        tok.value,
		"validPeriod":        int64(life / time.Second),
		"expireTime":         tok.expires.Unix(),
		"createTime":         now.UnixMilli(),
		"refreshToken":       "refresh" + tok.value,
		"refreshValidPeriod": int64(refreshLife / time.Second),
		"refreshExpireTime":  now.Add(refreshLife).Unix(),
		"refreshCreateTime":  now.UnixMilli(),
		"tokenType":          0,
		"clientType":         tok.clientType,
		"tokenIp":            ip,
		"firstLogin":         false,
		"pwdExpired":         false,
		"daysPwdAvailable":   -1,
		"forceLoginInd":      0,
		"proxyToken":         nil,
		"delayDelete":        nil,
		"user": map[string]any{
			"userId":       p.uuid,
			"companyId":    "651040" + p.uuid[:8],
			"userType":     2,
			"adminType":    adminType,
			"corpType":     0,
			"name":         p.name,
			"nameEn":       p.name,
			"thirdAccount": tok.user,
			"appId":        s.cfg.AppID,
			"numberHA1":    p.uuid[16:],
		},
	}
}

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) {
	if !s.tokens.revoke(r.Header.Get("X-Access-Token"), s.cfg.Now()) {
		refuseToken(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// refuseToken answers a call whose token is missing, unknown or expired.
func refuseToken(w http.ResponseWriter) {
	fail(w, http.StatusUnauthorized, "MMC.111070111", "The access token is missing, invalid or expired")
}

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

// AccountState decides whether the account may sign in.
type AccountState int

// The states of the account. AccountDisabled and AccountLocked refuse sign-ins;
// tokens issued earlier stay valid.
const (
	AccountActive   AccountState = iota
	AccountDisabled              // sign-ins get status 412
	AccountLocked                // sign-ins get status 423
)

// SetAccountState changes whether anyone can sign in, by App ID or by account.
func (s *Service) SetAccountState(state AccountState) { s.account.Store(int32(state)) }

// Error codes of the sign-in. The API page names statuses, not codes:
// badRequest and accountLocked are guesses.
const (
	badRequest      = "USG.200000001"
	wrongPassword   = "USG.206010000"
	accountInactive = "USG.206010007"
	accountLocked   = "USG.206010008"
	appIDRefused    = "USG.206010025"
	appIDExpired    = "USG.206010057"
)

// maxBody is the largest accepted body of a request, in bytes.
const maxBody = 64 << 10

// clientTypes are the values of clientType on the API pages.
var clientTypes = []int{0, 5, 6, 50, 51, 52, 53, 54, 55, clientAPI}

// signInBody is the body of both kinds of sign-in.
type signInBody struct {
	AppID      string `json:"appId"`
	Account    string `json:"account"`
	ClientType *int   `json:"clientType"`
	ExpireTime *int64 `json:"expireTime"` // of the signature, in Unix seconds; 0 is never
	Nonce      string `json:"nonce"`
	UserID     string `json:"userId"`
	CorpID     string `json:"corpId"`
}

// refusal is the error response to a sign-in.
type refusal struct {
	status        int
	code, message string
}

// signIn issues a token to the user that check returns. The user "" is the
// default administrator.
func (s *Service) signIn(w http.ResponseWriter, r *http.Request, check func(*http.Request, signInBody) (user string, refused *refusal)) {
	var user string
	body, refused := readSignIn(w, r)
	if refused == nil {
		user, refused = check(r, body)
	}
	if refused == nil {
		refused = s.checkAccountState()
	}
	if refused != nil {
		writeError(w, refused.status, refused.code, refused.message)
		return
	}
	s.writeSession(w, s.session(r, s.tokens.issue(user, *body.ClientType, s.cfg.Now())))
}

// readSignIn reads the body and checks what both kinds of sign-in require.
func readSignIn(w http.ResponseWriter, r *http.Request) (signInBody, *refusal) {
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

func (s *Service) checkAppID(r *http.Request, body signInBody) (string, *refusal) {
	signature, access, ok := parseAuthorization(r.Header.Get("Authorization"))
	status, code := http.StatusUnauthorized, appIDRefused
	var message string
	switch {
	case r.Header.Get("X-Token-Type") != "LongTicket":
		status, code, message = http.StatusBadRequest, badRequest, "X-Token-Type is invalid"
	case body.ExpireTime == nil || *body.ExpireTime < 0:
		status, code, message = http.StatusBadRequest, badRequest, "expireTime is invalid"
	case len(body.Nonce) < 32 || len(body.Nonce) > 64:
		status, code, message = http.StatusBadRequest, badRequest, "nonce must have 32 to 64 characters"
	case !ok || s.cfg.AppID == "" || body.AppID != s.cfg.AppID || access != s.cfg.AppID:
		message = "App ID authentication failed"
	case body.CorpID != "" && body.CorpID != s.cfg.CorpID:
		message = "corpId does not belong to the App ID"
	case !hmac.Equal(signature, s.sign(body)):
		message = "App ID authentication failed: wrong signature"
	case *body.ExpireTime != 0 && s.cfg.Now().Unix() > *body.ExpireTime:
		code, message = appIDExpired, "App ID authentication has expired"
	default:
		return body.UserID, nil
	}
	return "", &refusal{status, code, message}
}

// parseAuthorization parses the header of the App ID sign-in:
//
//	HMAC-SHA256 signature=<hex>,access=<base64 of the App ID>
func parseAuthorization(header string) (signature []byte, appID string, ok bool) {
	parameters, isHMAC := strings.CutPrefix(header, "HMAC-SHA256 ")
	first, second, _ := strings.Cut(parameters, ",")
	hexSignature, hasSignature := strings.CutPrefix(strings.TrimSpace(first), "signature=")
	base64ID, hasAccess := strings.CutPrefix(strings.TrimSpace(second), "access=")
	signature, err1 := hex.DecodeString(hexSignature)
	id, err2 := base64.StdEncoding.DecodeString(base64ID)
	return signature, string(id), isHMAC && hasSignature && hasAccess && err1 == nil && err2 == nil
}

// sign returns the signature that the request must carry. An empty userId
// keeps its colon; only SP mode signs a corpId.
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

func (s *Service) checkPassword(r *http.Request, body signInBody) (string, *refusal) {
	account, password, ok := r.BasicAuth()
	if !ok || s.cfg.Account == "" || account != s.cfg.Account || password != s.cfg.Password || body.Account != account {
		return "", &refusal{http.StatusUnauthorized, wrongPassword, "Incorrect account or password"}
	}
	return "", nil
}

func (s *Service) checkAccountState() *refusal {
	switch AccountState(s.account.Load()) {
	case AccountDisabled:
		return &refusal{http.StatusPreconditionFailed, accountInactive, "The account is disabled"}
	case AccountLocked:
		return &refusal{http.StatusLocked, accountLocked, "The account is locked"}
	default:
		return nil
	}
}

// session is the response to a sign-in. Its units differ, as on the API page:
// valid periods and expiry times are seconds, creation times milliseconds.
func (s *Service) session(r *http.Request, tok token) map[string]any {
	caller, adminType := s.signedIn(tok)
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	return map[string]any{
		"accessToken":        tok.value,
		"validPeriod":        int64(tok.expires.Sub(tok.created) / time.Second),
		"expireTime":         tok.expires.Unix(),
		"createTime":         tok.created.UnixMilli(),
		"refreshToken":       refreshPrefix + tok.value,
		"refreshValidPeriod": int64(refreshLife / time.Second),
		"refreshExpireTime":  tok.created.Add(refreshLife).Unix(),
		"refreshCreateTime":  tok.created.UnixMilli(),
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
			"userId":       caller.uuid,
			"companyId":    "651040" + s.archive.enterprise.people[0].uuid[:8],
			"userType":     2,
			"adminType":    adminType,
			"corpType":     0,
			"name":         caller.name,
			"nameEn":       caller.name,
			"thirdAccount": tok.user,
			"appId":        s.cfg.AppID,
			"numberHA1":    caller.uuid[16:],
		},
	}
}

// writeSession sends the response to a sign-in.
func (s *Service) writeSession(w http.ResponseWriter, session map[string]any) {
	s.variant.Load().SignIn.apply(session)
	writeJSON(w, http.StatusOK, session)
}

// refresh responds to a refresh token with another lifetime of its token.
func (s *Service) refresh(w http.ResponseWriter, r *http.Request) {
	tok, ok := s.tokens.refresh(r.Header.Get("X-Access-Token"), s.cfg.Now())
	if !ok {
		s.rejectToken(w)
		return
	}
	s.writeSession(w, s.session(r, tok))
}

// validate responds to a valid token with its session. On request it issues
// another token to the same user, and tells who that is.
func (s *Service) validate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token           string `json:"token"`
		NeedGenNewToken *bool  `json:"needGenNewToken"`
		NeedAccountInfo bool   `json:"needAccountInfo"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body)
	if err != nil || body.Token == "" || body.NeedGenNewToken == nil {
		writeError(w, http.StatusBadRequest, badRequest, "token or needGenNewToken is missing or invalid")
		return
	}
	now := s.cfg.Now()
	tok, ok := s.tokens.find(body.Token, now)
	if !ok {
		s.rejectToken(w)
		return
	}
	if *body.NeedGenNewToken {
		tok = s.tokens.issue(tok.user, tok.clientType, now)
	}
	session := s.session(r, tok)
	if user := session["user"].(map[string]any); !body.NeedAccountInfo {
		delete(user, "name")
		delete(user, "nameEn")
		delete(user, "thirdAccount")
	}
	s.writeSession(w, session)
}

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) {
	if !s.tokens.revoke(r.Header.Get("X-Access-Token"), s.cfg.Now()) {
		s.rejectToken(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

package check

import "strings"

// chineseUnits translates the units of a duration.
var chineseUnits = strings.NewReplacer("h", " 小时 ", "m", " 分钟 ", "s", " 秒")

// chinese has the Chinese format for each English one. Both take the same
// arguments, which may stand in another order. A host, a setting or a code is in
// Latin letters, so spaces stand around it. What is Chinese itself, such as a
// count, a duration or the name of the secret, ends without one.
var chinese = map[string]string{
	// Marks, each four columns wide.
	"ok  ": "正常",
	"note": "注意",
	"FAIL": "失败",

	"What came back: %v": "错误信息：%v",
	"What to do: %s":     "处理办法：%s",
	", ":                 "、",

	// Counts.
	"%d meetings":    "%d 场会议",
	"%d pages":       "%d 页",
	"%d departments": "%d 个部门",
	"%d records":     "%d 条记录",
	"%d numbers":     "%d 个数值",

	// Several enterprises.
	"Enterprise %q":                             "企业 %q",
	"Its settings cannot be used: %v":           "该企业的配置无法使用：%v",
	"Polling will work for all %d enterprises.": "全部 %d 个企业都能正常轮询。",

	// The way to the service.
	"The environment names the proxy %s for %s.":                                                                  "环境变量指定通过代理 %s 访问 %s。",
	"The environment names no proxy for %s.":                                                                      "环境变量没有为 %s 指定代理。",
	"Signed in at %s with the account; the token is valid for %s.":                                                "已使用账号登录 %s，令牌有效期 %s。",
	"Signed in at %s with the App ID; the token is valid for %s.":                                                 "已使用应用 ID（App ID）登录 %s，令牌有效期 %s。",
	"The sign-out failed: %v.":                                                                                    "退出登录失败：%v。",
	"The local clock is %s. Set it by NTP: sign-ins fail if it is off by 10 minutes or more.":                     "本机时钟%s。请通过 NTP 校准：偏差达到 10 分钟就无法登录。",
	"%s ahead of the service's":                                                                                   "比服务端快 %s",
	"%s behind the service's":                                                                                     "比服务端慢 %s",
	"The user is an administrator and sees the meetings of the whole enterprise.":                                 "该用户是管理员，可以看到整个企业的会议。",
	"The user is not an administrator and sees only their own meetings. To see all meetings, %s":                  "该用户不是管理员，只能看到自己的会议。如需看到全部会议，请%s",
	"The service does not say whether the user is an administrator. Any other user sees only their own meetings.": "服务端没有说明该用户是否为管理员。非管理员只能看到自己的会议。",

	// The history.
	"The last %s have %s. Only the last %s are read here.": "最近 %s共有 %s，这里只读取最近 %s的部分。",
	"Read the history of the last %s: %s on %s.":           "已读取最近 %s的会议历史：%s，共 %s。",
	"%d %s": "%[2]s %[1]d 场",
	"These are %s; they are of %s; the latest end is %s UTC.":                                                                         "其中 %s；涉及 %s；最晚的一场于 %s（UTC）结束。",
	"Passed over because the meeting has not ended: %s.":                                                                              "会议尚未结束，已跳过：%s。",
	"Left out of meetings that are used: %s without a credible value; see the metric huaweicloud_meeting_invalid_records{reason=%q}.": "已采用的会议中有 %s不可信，未采用，见指标 huaweicloud_meeting_invalid_records{reason=%q}。",
	"Left out: %s; see the metric huaweicloud_meeting_invalid_records{reason=%q}.":                                                    "未采用：%s，见指标 huaweicloud_meeting_invalid_records{reason=%q}。",
	"The service lists no meetings for this time. If this is unexpected, check the user's role and the site of the endpoint.":         "服务端没有列出这段时间的任何会议。如与实际不符，请检查用户的角色，以及接入地址是否属于正确的站点。",
	"How the service pages is found out once there is a second page.":                                                                 "只有一页记录，暂时无法得知服务端的分页方式。",
	"How the service pages: offset is a record index.":                                                                                "服务端的分页方式：offset 为记录序号。",
	"How the service pages: offset is a record index rounded down to a whole page.":                                                   "服务端的分页方式：offset 为记录序号，向下取整到整页。",
	"How the service pages: offset is a page number that counts from 0.":                                                              "服务端的分页方式：offset 为页码，从 0 开始。",
	"How the service pages: offset is a page number that counts from 1.":                                                              "服务端的分页方式：offset 为页码，从 1 开始。",
	"Polling will work.": "轮询可以正常进行。",

	// What is read beside the history.
	"the meetings in progress":      "进行中的会议",
	"the resources in use":          "资源用量",
	"the resources bought":          "已购资源",
	"the expiry dates of resources": "资源到期日",
	"the attendance of meetings":    "参会记录",
	"Read %s.":                      "已读取：%s。",
	"The metrics will lack %s: %v.": "指标中将缺少%s：%v。",
	"To have these metrics, %s":     "如需这些指标，请%s",
	"The exporter makes refused requests again every hour. To end that, switch their collectors off with %s.":                                                      "导出器每小时会重试一次被拒绝的请求。如不需要，可用 %s 关闭对应的采集器。",
	"The attendance of a meeting was read: %s.":                                                                                                                    "已读取一场会议的参会记录：%s。",
	"No meeting lasted for over a minute and ended at least %s ago, so the attendance of meetings could not be tried.":                                             "没有一场会议时长超过 1 分钟且至少在 %s前结束，因此未能试读参会记录。",
	"The attendance of a meeting cannot be read: %v. The exporter gives such a meeting up, and counts it in huaweicloud_meeting_attendance_unread_meetings_total.": "有一场会议的参会记录无法读取：%v。导出器会放弃读取，并把这样的会议计入 huaweicloud_meeting_attendance_unread_meetings_total。",
	"No attendance is listed for the last %s that lasted for over a minute. If people joined, look whether huaweicloud_meeting_attendees_total grows.":             "最近 %s（时长超过 1 分钟）没有参会记录。如果确实有人参加，请留意 huaweicloud_meeting_attendees_total 是否增长。",

	// Advice: anything.
	"Something unexpected failed.":                 "发生了意料之外的错误。",
	"read what came back.":                         "查看上面的错误信息。",
	"The service says that it is asked too often.": "服务端表示请求过于频繁。",
	"wait a minute and try again. If the problem persists, another client of the same account uses up the limit, or %s is too high.":                                            "等一分钟再试。如果问题依旧，可能是同一账号的其他客户端用尽了请求上限，或者 %s 设得过高。",
	"The service announces more records than it sends, or its pages do not fit together.":                                                                                       "服务端返回的记录少于它声明的数量，或者各页之间衔接不上。",
	"try again, because meetings may have come and gone meanwhile. If the problem persists, all polls fail as incomplete: report this line to the maintainers of the exporter.": "再试一次，因为读取期间会议可能有增减。如果问题依旧，轮询都会以 incomplete 失败，请将以上信息报告给导出器的维护者。",
	"The service lists records, and all of them are of meetings that have not ended.":                                                                                           "服务端列出了记录，但都是尚未结束的会议。",
	"try again after a meeting has ended. If meetings have ended in this time, report this line to the maintainers of the exporter.":                                            "等有会议结束后再试。如果这段时间内已有会议结束，请将以上信息报告给导出器的维护者。",
	"The service lists records, and none of them is usable.":                                                                                                                    "服务端列出了记录，但没有一条可用。",
	"report this line to the maintainers of the exporter: the service writes its records in another way than they know.":                                                        "将以上信息报告给导出器的维护者：服务端的记录格式与已知的不同。",
	"%s fails, or a proxy or gateway before it.":                                                                                                                                "%s 出现故障，或者它前面的代理或网关出现故障。",
	"The service itself fails with the code %s.":                                                                                                                                "服务端自身出错，错误码为 %s。",
	"try again later. The exporter keeps trying and catches up.":                                                                                                                "稍后再试。导出器会不断重试，恢复后会补计遗漏的会议。",
	"What answers at %s is not the meeting API.":                                                                                                                                "在 %s 响应的不是会议 API。",
	"What answers at %s does not offer the meeting API, and says so with the code %s.":                                                                                          "在 %s 响应的服务不提供会议 API，错误码为 %s。",
	"check %s. It is https://api.meeting.huaweicloud.com in China and https://api-intl.meeting.huaweicloud.com elsewhere, not the address of the portal.":                       "检查 %s。它应为 https://api.meeting.huaweicloud.com（中国站）或 https://api-intl.meeting.huaweicloud.com（国际站），而不是管理平台的网址。",
	"A proxy or firewall may also answer in its place.":                                                                                                                         "也可能是代理或防火墙代为响应。",
	"The proxy %s or a firewall may also answer in its place.":                                                                                                                  "也可能是代理 %s 或防火墙代为响应。",

	// Advice: the history.
	"The user may not list the history of meetings.": "该用户无权查询会议历史。",
	"The code is %s.": "错误码为 %s。",
	"The service lets the user sign in, but does not accept the sign-in for the history.":                    "该用户可以登录，但服务端不接受用这次登录查询会议历史。",
	"The service refuses to list the history with the code %s.":                                              "服务端拒绝查询会议历史，错误码为 %s。",
	"check %s, and look the code up in the service's list of error codes.":                                   "检查 %s，并在华为云会议的错误码列表中查找该错误码。",
	"give the user the role of an administrator.":                                                            "为该用户授予管理员角色。",
	"give the user the role of an administrator, or leave %s empty to sign in as the default administrator.": "为该用户授予管理员角色，或将 %s 留空，以默认管理员的身份登录。",

	// Advice: the sign-in.
	"password":                        "密码",
	"App Key":                         "密钥（App Key）",
	"the environment variable %s":     "环境变量 %s",
	"the file that %s names":          "由 %s 指定的文件",
	"The %s cannot be read.":          "无法读取%s。",
	"check %s, which should hold it.": "检查%s，其中应当有它的内容。",
	"The %s is wrong.":                "%s不正确。",
	"copy it again to %s.":            "将它重新复制到%s。",
	"Check that it belongs to this App ID, %s, and that %s is the site of this App ID.":   "检查它是否属于 %s 给出的应用 ID（App ID），以及 %s 是否为该应用 ID 所在的站点。",
	"Check that it belongs to this account, %s, and that %s is the site of this account.": "检查它是否属于 %s 给出的账号，以及 %s 是否为该账号所在的站点。",
	"In SP mode, set %s.": "SP 模式下还需设置 %s。",
	"Check %s too: it names the enterprise if the App ID is one of SP mode, and must be left out otherwise.": "还需检查 %s：只有 SP 模式的应用 ID（App ID）才用它指明企业，否则不要设置。",
	"The clock is off: the local one is %s.":                                                                              "时钟不准：本机时钟%s。",
	"set the clock by NTP. A sign-in is signed with the time.":                                                            "通过 NTP 校准时钟。登录请求的签名包含时间。",
	"The service takes the signature for an old one, although the clocks agree.":                                          "两端时钟一致，服务端却认为签名已过期。",
	"try again. If the problem persists, report this line to the maintainers of the exporter.":                            "再试一次。如果问题依旧，请将以上信息报告给导出器的维护者。",
	"The account is disabled.":                                                                                            "账号已被停用。",
	"ask an administrator of the enterprise to enable it.":                                                                "请企业管理员启用该账号。",
	"The account is locked.":                                                                                              "账号已被锁定。",
	"wait until the service unlocks it, and correct the %s before you try again. Each wrong attempt locks it for longer.": "等待服务端解锁，并在重试之前改正%s。每次错误的尝试都会延长锁定时间。",
	"The service does not know this account, or the account is not active.":                                               "该账号不存在，或者尚未激活。",
	"check %s.": "检查 %s。",
	"The service does not know the user of this App ID, or the user is not active.":                  "该应用 ID（App ID）对应的用户不存在，或者尚未激活。",
	"check that the App ID is enabled, and that the enterprise has an active default administrator.": "检查该应用 ID（App ID）是否已启用，以及企业是否有已激活的默认管理员。",
	"The service does not know this user, or the user is not active.":                                "该用户不存在，或者尚未激活。",
	"check %s, or leave it empty to sign in as the default administrator.":                           "检查 %s，或将其留空，以默认管理员的身份登录。",
	"The service refuses the sign-in with the code %s.":                                              "服务端拒绝登录，错误码为 %s。",
	"look the code up in the service's list of error codes.":                                         "在华为云会议的错误码列表中查找该错误码。",

	// Advice: the network.
	"What listens at %s does not speak TLS.": "在 %s 监听的服务不使用 TLS。",
	"check %s. Only the endpoint of the simulator begins with http://. A proxy or firewall may also stand in the way.":                                                 "检查 %s。只有模拟器的地址以 http:// 开头。也可能是代理或防火墙从中阻挡。",
	"The certificate of %s is of an unknown authority.":                                                                                                                "%s 的证书由未知机构签发。",
	"name the file of your proxy's or operator's CA certificate in the environment variable SSL_CERT_FILE. On Windows and macOS, add it to the system's certificates.": "在环境变量 SSL_CERT_FILE 中指定代理或运营商的 CA 证书文件。在 Windows 和 macOS 上，则将其加入系统证书。",
	"check the file that the environment variable SSL_CERT_FILE names: it must be readable, and hold your proxy's or operator's CA certificate in the form PEM.":       "检查环境变量 SSL_CERT_FILE 指定的文件：它必须可读，并以 PEM 格式保存代理或运营商的 CA 证书。",
	"The certificate that came is not for %s.":         "收到的证书不属于 %s。",
	"check %s and name resolution.":                    "检查 %s 和域名解析。",
	"The certificate of %s is not valid at this time.": "%s 的证书目前不在有效期内。",
	"check the local clock first. If it is right, the certificate must be renewed: tell its operator, or that of your proxy.": "先检查本机时钟。如果时钟正确，就需要更新证书：请告知服务或代理的运维人员。",
	"The certificate of %s is not valid.":       "%s 的证书无效。",
	"tell its operator, or that of your proxy.": "告知服务或代理的运维人员。",
	"check %s, name resolution and the firewall. If only a proxy leads there, name it in the environment variable %s.": "检查 %s、域名解析和防火墙。如果只能通过代理访问，请在环境变量 %s 中指定代理。",
	"check %s, the firewall, and that the proxy %s leads there. NO_PROXY names hosts to reach without it.":             "检查 %s 和防火墙，以及通过代理 %s 能否访问该地址。不需要代理的主机可以写入 NO_PROXY。",
	"No complete answer comes from %s.": "没有从 %s 收到完整的响应。",
	"A proxy":                           "途中的代理",
	"The proxy %s":                      "地址为 %s 的代理",
	"%s does not work.":                 "%s无法工作。",
	"check the environment variable %s and the proxy itself.":                                                                            "检查环境变量 %s 和代理本身。",
	"%s demands a user and password, or does not accept those it got.":                                                                   "%s要求提供用户名和密码，或者不接受现有的用户名和密码。",
	"put them into the environment variable %s, as in http://USER:PASSWORD@proxy.example:3128, with special characters percent-encoded.": "将用户名和密码写入环境变量 %s，形如 http://USER:PASSWORD@proxy.example:3128，其中的特殊字符须做百分号编码。",
	"%s refuses to connect to %s.": "%s拒绝连接 %s。",
	"ask its operator to allow this, or name the host in NO_PROXY if it can be reached without a proxy.": "请代理的运维人员放行；如果不经代理也能访问，请将该主机写入 NO_PROXY。",
}

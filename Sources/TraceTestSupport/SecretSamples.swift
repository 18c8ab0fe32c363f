/// Values of tags that hold secrets, with what has to become of them, and harmless ones that must stay. None of the secrets is one.
package enum SecretSamples {
  /// A tag that holds a secret.
  package struct Sample: Sendable, CustomStringConvertible {
    /// The key of the tag.
    package var key: String
    /// Its value as it was sent.
    package var value: String
    /// What must be nowhere afterwards.
    package var secret: String
    /// The value as it is stored.
    package var hidden: String

    init(_ key: String, _ value: String, _ secret: String, _ hidden: String) {
      (self.key, self.value, self.secret, self.hidden) = (key, value, secret, hidden)
    }

    package var description: String { "\(key)=\(value)" }
  }

  /// Samples in which `•` stands for the secret.
  private static func sample(_ key: String, _ value: String, _ secret: String) -> Sample {
    Sample(
      key, value.replacingBullet(with: secret), secret, value.replacingBullet(with: "REDACTED"))
  }

  private static let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLWFkYQ"
  private static let letters = "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZg"
  private static let hex = "9f86d081884c7d659a2feaa0c55ad015"

  /// The keys that OpenTelemetry's semantic conventions want hidden in `url.full` and `url.query` (version 1.44.0).
  package static let conventions = [
    "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig",
    "X-Goog-Signature",
  ]

  /// One secret each, of every kind.
  package static let all: [Sample] =
    conventions.flatMap { key in
      [
        sample("url.full", "https://www.example.com/path?color=blue&\(key)=•", "s3cret-of-\(key)"),
        sample("url.query", "q=OpenTelemetry&\(key)=•", "s3cret-in-\(key)"),
      ]
    } + urls + encoded + connections + texts + commands + statements + markup + members + tokens + tags

  /// Those whose secret is found whatever the key of the tag.
  package static let inTexts = all.filter { $0.hidden != "REDACTED" || $0.key == "message" }

  private static let urls: [Sample] = [
    Sample(
      "url.full", "https://ada:lovelace1@www.example.com/", "lovelace1",
      "https://REDACTED:REDACTED@www.example.com/"),
    Sample("http.url", "https://ada-token-77@example.com/x", "ada-token-77", "https://REDACTED@example.com/x"),
    Sample("http.url", "//ada:lovelace2@h/x", "lovelace2", "//REDACTED:REDACTED@h/x"),
    Sample("http.url", "http://ada:p@ss:w0rd@h:80/x", "p@ss:w0rd", "http://REDACTED:REDACTED@h:80/x"),
    Sample("http.url", "http://ada:love/lace3@h:80/x", "love/lace3", "http://REDACTED:REDACTED@h:80/x"),
    sample("http.url", "http://shop/a?access_token=•&x=1", "s3cret-a"),
    sample("http.url", "http://shop/a?x=1&API-Key=•#part", "s3cret-b"),
    sample("http.url", "http://shop/cb#access_token=•&state=1", "s3cret-c"),
    sample("http.target", "/a?user%5Bpassword%5D=•&x=1", "s3cret-d"),
    sample("http.target", "/a?user[password]=•&x=1", "s3cret-e"),
    sample("http.path", "/reset-password/•/now", letters),
    sample("url.path", "/api/tokens/•", hex),
    sample("url.path", "/files/•/x", jwt),
    sample("http.url", "https://maps.example/api?key=•&q=here", "AIz" + "aSyA1234567890abcdefghijklmnopqrstuv"),
    sample("http.url", "https://login.example/cb?code=•&state=x", "SplxlOBeZQQYbYS6WxSbIA"),
    sample("http.url", "https://hooks.slack.com/services/•", "T0000/B0000/abcdefgh"),
    sample("http.url", "https://api.telegram.org/bot•", "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/send"),
    sample("http.url", "https://h/?otp=•", "493021"),
    sample("http.url", "https://h/?jwt=•&a=b", "a.b.c"),
    sample("http.url", "https://h/?refreshToken=•", "s3cret-f"),
    sample("http.url", "https://h/?X_API_KEY=•", "s3cret-g,h;i"),
    sample("http.url", "https://h/?password=•", "a%26b%3Dc"),
    sample("http.url", "http://h/a?token=•&x=1", "a's3cret-k"),
    sample("http.url", "http://h/a?token[]=•&x=1", "s3cret-r"),
    sample("http.url", "http://h/a?token%5B0%5D=•&x=1", "s3cret-s"),
    Sample("http.url", "http://h/?sig=5&x=1", "sig=5", "http://h/?sig=REDACTED&x=1"),
    Sample("http.url", "http://h/a%3Ftoken%3Dx", "token%3Dx", "http://h/a%3Ftoken%3DREDACTED"),
    Sample("url.query", "pwd=x&y=2", "pwd=x", "pwd=REDACTED&y=2"),
    sample("http.url", "https://hooks.slack.com:443/services/•", "T0001/B0000/abcdefgh"),
    sample("http.url", "https://discord.com/api/v10/webhooks/•", "1/s3cret-t"),
    sample("http.url", "https://ptb.discord.com/api/webhooks/•", "1/s3cret-u"),
    sample("http.url", "https://x.webhook.office.com/webhookb2/•", "a@b/IncomingWebhook/s3cret-v/c"),
    sample("http.url", "https://api.telegram.org/file/bot•", "123:s3cret-w/x"),
    Sample("http.url", "http:/ada:lovelace23@h/x", "lovelace23", "http:/REDACTED:REDACTED@h/x"),
    Sample("http.url", "http:///ada:lovelace24@h/x", "lovelace24", "http:///REDACTED:REDACTED@h/x"),
    Sample(
      "log", #"{"u":"http:\/\/ada:lovelace25@h\/x"}"#, "lovelace25", #"{"u":"http:\/\/REDACTED:REDACTED@h\/x"}"#),
    sample("log", "basic_auth=• token1=REDACTED access_token_v2=REDACTED", "s3cret-ac"),
    sample("http.url", "http://h/?token1=•&tokenValue=REDACTED", "s3cret-ad"),
    sample("http.url", "http://h/?access_token_v2=•&x=1", "s3cret-ae"),
    sample("http.url", "http://h/?tokenValue=•&x=1", "s3cret-af"), sample("http.url", "http://h/?pass=•", "48151626"),
  ]

  /// Command lines of programs that take a password behind a flag of one letter, and the same as lists.
  private static let commands: [Sample] = [
    sample("process.command_line", "mysql -uada -p• shop", "s3cret-cl1"),
    sample("process.command_line", "/usr/bin/mysqldump -p'•' --all-databases", "s3cret cl2"),
    sample("process.command_args", #"["mysqladmin","-p•","status"]"#, "s3cret-cl3"),
    sample("process.command_line", "sshpass -p • ssh -p 22 ada@h", "s3cret-cl4"),
    sample("process.command_line", "sshpass -p'•' ssh h", "s3cret cl5"),
    sample("process.command_args", #"["sshpass","-p","•","ssh"]"#, "s3cret cl6"),
    sample("process.command_line", "docker login -u ada -p • registry.example", "s3cret-cl7"),
    sample("process.command_line", "redis-cli -h cache -a • ping", "s3cret-cl8"),
    sample("process.command_args", #"["/usr/bin/redis-cli","-a","•","ping"]"#, "s3cret-cl9"),
    sample("process.command_line", "mongosh -u ada -p \"•\" shop", "s3cret \"cl10".escapedQuotes),
    sample("process.command_line", "ldapsearch -D cn=ada -w • -b dc=h", "s3cret-cl11"),
    sample("process.command_line", "sqlcmd -S db -U ada -P •", "s3cret-cl12"),
    sample("process.command_line", "http -a • h/x", "ada:s3cret-cl13"),
    sample("process.command_line", "curl -u • h/x", "ada:s3cret-cl14"),
    sample("process.command_line", "backup --password '•' --to x", "s3cret cl15"),
    sample("process.command_args", #"["backup","--password","•","--to"]"#, "s3cret cl16"),
    sample("process.command_line", "java -jar x.jar -password • -port 80", "s3cret-cl17"),
    Sample(
      "process.command_args", #"["backup","--password",48151624]"#, "48151624", #"["backup","--password","REDACTED"]"#),
  ]

  /// Statements of SQL that give somebody a password.
  private static let statements: [Sample] = [
    sample("db.statement", "CREATE USER ada IDENTIFIED BY '•'", "s3cret-sq1"),
    sample("db.statement", "alter user ada identified with mysql_native_password by '•'", "s3cret-sq2"),
    sample("db.statement", "GRANT ALL ON x.* TO 'ada'@'h' IDENTIFIED BY PASSWORD '•' WITH x", "s3cret-sq3"),
    sample("db.statement", "CREATE USER ada IDENTIFIED BY • QUOTA 1M", "s3cret_sq4"),
    sample("db.statement", "CREATE ROLE ada WITH LOGIN PASSWORD '•'", "s3cret-sq5"),
    sample("db.statement", "ALTER USER ada WITH ENCRYPTED PASSWORD E'•'", "s3cret-sq6"),
    sample("db.statement", "SET PASSWORD FOR 'ada'@'h' = PASSWORD('•')", "s3cret-sq7"),
    sample("db.statement", "CREATE LOGIN ada WITH PASSWORD = N'•'", "s3cret-sq8"),
    sample("log", #"{"sql":"CREATE USER ada IDENTIFIED BY \"•\"","x":1}"#, "s3cret-sq9"),
  ]

  private static let markup: [Sample] = [
    sample("log", "<login><user>ada</user><password>•</password></login>", "s3cret-xm1"),
    sample("log", #"<wsse:Password Type="x#PasswordText">•</wsse:Password>"#, "s3cret-xm2"),
    sample("log", "<secret>\n  <value>•</value>\n  <note>REDACTED</note>\n</secret><x>7</x>", "s3cret-xm3"),
    sample("log", "<a><password><![CDATA[•]]></password></a>", "s3cret-xm4&<"),
    sample("log", #"<property name="password">•</property>"#, "s3cret-xm5"),
    sample("log", #"<add key="password" value="•"/>"#, "s3cret-xm6"),
    sample("http.url", "http://h/?x=%3Cpassword%3E•%3C%2Fpassword%3E&y=1", "s3cret-xm7"),
    Sample("log", "<password>x</password>", "<password>x<", "<password>REDACTED</password>"),
    sample("log", "<config><password>•", "s3cret-xm8"),
  ]

  /// Members of JSON that are objects, lists and numbers.
  private static let members: [Sample] = [
    Sample(
      "log", #"{"password":{"value":"s3cret-js1","salt":"}"},"x":1}"#, "s3cret-js1", #"{"password":"REDACTED","x":1}"#),
    Sample(
      "log", #"{"m":"{\"secret\":{\"a\":[\"s3cret-js2\"]},\"x\":1}"}"#, "s3cret-js2",
      #"{"m":"{\"secret\":\"REDACTED\",\"x\":1}"}"#),
    Sample(
      "log", #"{"api_key":["a","s3cret-js3"],"x":1}"#, "s3cret-js3", #"{"api_key":["REDACTED"],"x":1}"#),
    Sample("log", "{'secret': {'a': 's3cret-js4'}, 'x': 1}", "s3cret-js4", "{'secret': 'REDACTED', 'x': 1}"),
    Sample("log", #"{"password":{"a":"s3cret-js5"#, "s3cret-js5", #"{"password":"REDACTED""#),
    Sample("log", #"{"otp":493022517}"#, "493022517", #"{"otp":"REDACTED"}"#),
    Sample("log", #"{\"otp\":493023517}"#, "493023517", #"{\"otp\":\"REDACTED\"}"#),
    Sample(
      "http.url", "http://h/?x=%7B%22otp%22%3A493024517%7D&y=1", "493024517",
      "http://h/?x=%7B%22otp%22%3A%22REDACTED%22%7D&y=1"),
    sample("log", #""{""user"":""ada"",""password"":""•""}""#, "s3cret-js6"),
    sample("log", "login(password=b'•', x=1)", "s3cret-js7"),
    Sample("log", "{Cookie=[a=1, s3cret-js8], Host=[h]}", "s3cret-js8", "{Cookie=[REDACTED], Host=[h]}"),
  ]

  private static let encoded: [Sample] = [
    sample("http.url", "http://h/login?next=a%3Ftoken%3D•%26x%3D1&y=2", "s3cret-h"),
    sample("http.url", "http://h/login?next=a%253Ftoken%253D•%2526x&y=2", "s3cret-i"),
    sample("http.url", "http://h/?u=https%3A%2F%2F•%40example.com%2F", "ada%3Alovelace4"),
    sample("http.url", "http://h/?access%5Ftoken=•&x=1", "s3cret-j"),
    sample("http.url", "http://h/?h=Authorization%3A%20•&x=1", "Bearer%20\(letters)"),
    sample("http.url", "http://h/?h=Bearer%20•&x=1", letters),
  ]

  private static let connections: [Sample] = [
    Sample(
      "db.connection_string", "postgres://ada:lovelace5@db:5432/shop", "lovelace5",
      "postgres://REDACTED:REDACTED@db:5432/shop"),
    Sample(
      "db.connection_string", "mongodb+srv://ada:lovelace6@a.example,b.example/shop", "lovelace6",
      "mongodb+srv://REDACTED:REDACTED@a.example,b.example/shop"),
    sample("db.connection_string", "Server=db;User Id=ada;Password=•;Database=shop", "love lace,7"),
    sample("db.connection_string", "Server=db;Pwd=•", "love lace 8"),
    sample("db.connection_string", "Server=db;Password=•;Database=x", "{love;lace21}"),
    sample("db.connection_string", "Server=db;Password=•;Database=x", "love;;lace26"),
    sample("db.connection_string", "Server=db;Password=•;Database=x", "love\\;lace27"),
    sample("db.connection_string", "Server=db;Password='•';Database=x", "it''s lovelace28"),
    sample("db.connection_string", "host=db password=• dbname=x", "love\\ lace29"),
    sample("db.connection_string", "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=•", "s3cret+key/k="),
    sample("db.connection_string", "AccountName=a;AccountKey=•;EndpointSuffix=core", "s3cret/l=="),
    Sample(
      "db.connection_string", "jdbc:oracle:thin:ada/Lovelace9@db:1521:XE", "Lovelace9",
      "jdbc:oracle:thin:REDACTED:REDACTED@db:1521:XE"),
    Sample(
      "db.connection_string", "ada:lovelace10@tcp(db:3306)/shop", "lovelace10", "REDACTED:REDACTED@tcp(db:3306)/shop"),
    sample("db.connection_string", "host=db user=ada password=• dbname=shop", "lovelace11"),
    sample("db.connection_string", "jdbc:mysql://db/shop?user=ada&password=•", "lovelace12"),
    Sample("peer.address", "redis://:lovelace13@cache:6379/0", "lovelace13", "redis://REDACTED:REDACTED@cache:6379/0"),
  ]

  private static let texts: [Sample] = [
    sample("log", #"{"user":"ada","password":"•","x":1}"#, "love \"lace\" 14".escapedQuotes),
    sample("log", #"{"config":"{\"api_key\":\"•\",\"x\":1}"}"#, "s3cret-m"),
    Sample("log", #"{"token": 48151623, "x": 1}"#, "48151623", #"{"token": "REDACTED", "x": 1}"#),
    sample("log", "{'client_secret': '•'}", "s3cret-n"),
    sample("log", #"{"password"=>"•"}"#, "s3cret-o"),
    sample("log", "Login{user=ada, password=•, attempts=3}", "lovelace15"),
    sample("log", "Cookie: •\nHost: h", "theme=dark; sid=s3cret-p"),
    sample("log", "sent authorization: •\nto h", "Token s3cret-q"),
    sample("log", "request failed, password: •", "lovelace16"),
    sample("log", "with Bearer • at 12", letters),
    sample("log", "basic •, refused", "YWRhOmxvdmVsYWNl"),
    sample("process.command_line", "curl -s -u • https://h/x", "ada:lovelace17"),
    sample("process.command_args", #"["curl","--user","•","https://h"]"#, "ada:lovelace18"),
    sample("process.command_line", "curl -sSu • https://h/x", "ada:lovelace22"),
    sample("log", "Authorization: •\nHost: h", #"Digest username="ada", response="s3cret-x", qop=auth"#),
    sample("log", #"{"h":"Authorization: •","x":1}"#, #"Digest username=\"ada\", response=\"s3cret-y\""#),
    sample("http.request.headers", #"[{"name":"authorization","value":"•"},{"name":"x","value":"1"}]"#, "s3cret-z"),
    sample("http.request.headers", #"[["cookie","•"],["x","1"]]"#, "s3cret-aa"),
    sample("http.request.headers", "[('authorization', '•')]", "s3cret-ab"),
    sample("log", "with Bearer  • at 12", letters + "1"),
    sample("log", "with bearer • at 12", "abcdefghijklmnopqrstuvwx"),
    sample("log", "Token •, refused", letters + "2"), sample("log", "v1.• at 12", jwt), sample("log", "JWT•", jwt),
    sample("log", "“•”", "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4b"),
    sample(
      "http.url", "http://h/?k=•", "-----BEGIN%20RSA%20PRIVATE%20KEY-----%0AMIIF%0A-----END%20RSA%20PRIVATE%20KEY-----"),
    sample("log", "a•", "-----BEGIN+PRIVATE+KEY-----\nMIIG\n-----END+PRIVATE+KEY-----"),
    sample("process.command_line", "backup --password • --to x", "lovelace19"),
    sample("process.command_line", "backup --password=• --to x", "lovelace20"),
    sample("exception.message", "cannot read •: bad", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"),
  ]

  /// In two parts, so that nobody who searches this repository for tokens finds some.
  private static let tokenParts: [(String, String)] = [
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ", ".c2lnbmF0dXJlLW9mLWFkYQ"), ("AKI", "AIOSFODNN7EXAMPLE"),
    ("AS", "IAIOSFODNN7EXAMPLE"), ("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("github_pat", "_11ABCDEFG0abcdefghijkl_mnop"), ("glp", "at-abcdefghij0123456789"),
    ("xox", "b-1234567890-abcdefghij"), ("sk_li", "ve_4eC39HqLyjWDarjtT1zdp7dc"),
    ("AIz", "aSyB1234567890abcdefghijklmnopqrstuv"), ("np", "m_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("hv", "s.abcdefghijklmnopqrstuvwx1"), ("xox", "c-1234567890-abcdefghij"), ("xox", "d-abcdefghij%2B1234%2Fxyz%3D"),
    ("dckr_p", "at_abcdefghijklmnopqrstuvw1234"), ("gs", "k_abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop"),
    ("S", "G.abcdefghijklmnopqrstu1.0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
    ("pypi-", "AgEIcHlwaS5vcmcCJDU0ZTRiY2Q5LTA"), ("hf", "_abcdefghijklmnopqrstuvwxyz01234567"),
  ]

  private static let tokens: [Sample] = tokenParts.map(+).flatMap { token in
    [sample("message", "•", token), sample("message", "with •, and more", token)]
  }

  private static let tags: [Sample] = [
    "authorization", "Authorization", "proxy-authorization", "http.request.header.authorization",
    "http.request.header.cookie", "http.response.header.set-cookie", "http.response.header.set_cookie", "cookie",
    "set-cookie", "x-api-key", "http.request.header.x_api_key", "X-Hub-Signature", "x-hub-signature-256", "password",
    "db.password", "user.passwordNew", "password_hash", "client_secret", "app.secret", "access_token", "refreshToken",
    "otp", "session_id", "smtp.pass", "aws.secret_access_key", "api_key", "http.request.header.x-vault-token",
    "spring.datasource.password", "basic_auth", "token1", "access_token_v2", "tokenValue",
  ].enumerated().map { sample($1, "•", "s3cret of tag \($0)") }

  /// Tags that must stay as they are.
  package static let harmless: [(key: String, value: String)] = [
    ("http.url", "http://shop:8080/cart?monkey=1&author=ada&key=blue&code=404&page=2"),
    ("http.url", "https://example.com/a@b/c:d?x=y@z"), ("http.url", "http://[::1]:9411/a:b@c"),
    ("http.url", "http://h//ada@example.com/x"), ("http.url", "https://h/?email=ada%40example.com"),
    ("http.url", "https://h/tokens/count"), ("http.url", "http://h/token/"), ("http.url", "http://h/?token="),
    ("http.url", "http://h/?token=REDACTED&sig=REDACTED"), ("http.url", "https://REDACTED:REDACTED@h/"),
    ("http.url", "https://***@h/"), ("http.path", "/verify/email"), ("http.path", "/sessions/7"),
    ("http.path", "/orders/550e8400-e29b-41d4-a716-446655440000/items"),
    ("user_agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"),
    ("guid:x-request-id", "7f1f0f0c-0b8e-9a8d-8f3e-0f4e8f6f2f11"), ("node_id", "default.web-1"),
    ("upstream_cluster", "orders_shop_svc_80-0123456789abcdef"), ("peer.address", "10.0.0.1:51044"),
    ("tokens", "128"), ("gen_ai.usage.input_tokens", "1280"), ("token_count", "7"), ("token_type", "Bearer"),
    ("secret.name", "db"), ("password.policy", "strict"), ("has_password", "true"), ("authenticated", "true"),
    ("auth.type", "mtls"), ("auth", "none"), ("author", "ada"), ("code", "200"), ("session.count", "3"),
    ("code.function.signature", "(Int) -> String"), ("cache.key", "user:1234567890abcdef1234"),
    ("db.statement", "SELECT * FROM tokens WHERE id = ?"), ("db.statement", "SELECT password FROM users WHERE id = $1"),
    ("log", "unexpected token: ) in line 3"), ("log", "Bearer token required"), ("log", "Basic authentication failed"),
    ("log", "the password: it is too short"), ("log", "key: value, code: 7"), ("log", "secret agent = no key"),
    ("log", "mail ada@example.com or bob@example.com:25"), ("log", "12:30:45 tcp(db:3306) refused"),
    ("log", "asia-pacific-southeast-region and sk-learn"), ("log", "-----BEGIN CERTIFICATE-----\nMIIB"),
    ("log", "100% of 5% = 5%, %zz and %2"), ("error", "true"), ("http.status_code", "503"),
    ("otel.scope.name", "io.opentelemetry.tomcat-7.0"), ("k8s.pod.name", "web-7c9f6d5b8-x2x7k"),
    ("span.signature", "GET /x"), ("messaging.kafka.message.key", "order-17"), ("id", "eyJ"), ("empty", ""),
    ("session.id", "abc123"), ("log", "session.id=abc123"), ("http.url", "http://h/?token=true&password=none&sig=-"),
    ("db.statement", "SELECT * FROM t WHERE token = $1 AND a = $2"), ("db.statement", "WHERE token=@p1 and x=2"),
    ("db.statement", "UPDATE users SET password = :p WHERE id = :id"), ("db.statement", "SELECT 1 FROM t WHERE otp=?"),
    ("log", "secret = %s"), ("log", "password=${DB_PASSWORD}"), ("log", "password=[FILTERED]"),
    ("log", "token=undefined"),
    ("http.url", "http://h/?pageToken=CAUQAA&next_page_token=abc&continuation_token=12"), ("page_token", "CAUQAA"),
    ("k8s.pod.name", "xapp-frontend-1234"), ("container.image.name", "oci:my/image@sha256:abc"),
    ("cmd", "curl http://h | docker run -u 1000:1000 x"), ("log", "eyJ, or heyjude-and-others-of-the-beatles"),
    ("tests.pass", "1280"), ("pass", "3"), ("pass", "12"), ("log", "pass: 3"), ("log", "pass: 12"),
    ("log", "fail=3 pass=128"),
    ("secretary", "ada"), ("log", "secretary=ada"), ("log", "secretariat=un secretion=low secretly=yes"),
    ("log", "passenger=ada passport=x passage=7 compass=north bypass=on"), ("passenger.name", "ada"),
    ("log", "author=ada authority=example.com authorities=3"), (":authority", "example.com"),
    ("authority", "example.com"),
    ("log", "tokenizer=bpe tokenized=false tokens=7 tokenizer_v2=x"), ("tokenizer", "bpe"),
    ("log", "monkey=7 donkey=8"),
    ("log", "passwordless=on"), ("log", "PWD=/home/ada OLDPWD_=1"), ("pwd", "/home/ada"), ("log", "sig=11 pid=4"),
    ("payment.authorization_amount", "129"), ("cmd", "docker run -p 8080:80 x"), ("cmd", "ssh -p 2222 h"),
    ("cmd", "mysql -p shop"), ("cmd", "mkdir -p a/b && unzip -p x.zip"), ("cmd", "redis-cli -h cache -p 6379 ping"),
    ("cmd", "curl -a http://h/x"), ("log", "the order is identified by 'A-17', created by ada"),
    ("log", "Optional<Token> find(List<Secret> all)"), ("log", "usage: login <user> <password> [options]"),
    ("log", "<tokens>7</tokens><author>ada</author>"), ("log", #"{"password":{},"token":[],"x":{"y":[1]}}"#),
    ("log", "invalid password 7 times, unexpected token 'x'"), ("http.url", "file:/a:b@c"),
    ("db.statement", "CREATE USER ada IDENTIFIED BY ?"), ("log", "{\"keys\":{\"a\":1},\"key\":{\"b\":2}}"),
    ("image", "registry.example/app@sha256:9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015"),
  ]
}

extension String {
  fileprivate func replacingBullet(with text: String) -> String {
    split(separator: "•", omittingEmptySubsequences: false).joined(separator: text)
  }

  fileprivate var escapedQuotes: String {
    split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
  }
}

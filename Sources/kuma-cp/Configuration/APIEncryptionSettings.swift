import ProgramSettings

/// The settings of the HTTPS API and of client certificates, with Kuma's keys.
struct APIEncryptionSettings: SettingGroup {
  let enabled = Setting(
    "apiServer.https.enabled", .truth, default: "true",
    "Whether the API is also served over HTTPS, on a port of its own.")
  let port = Setting(
    "apiServer.https.port", .port, default: "5682",
    "Port of the HTTPS API; 0 picks a free one. If the default port is in use, the program runs without it.",
    flag: .option("--api-https-port", valueName: "port", "Port of the HTTPS API (5682)."))
  let interface = Setting(
    "apiServer.https.interface", .host, default: "127.0.0.1", "Address on which the HTTPS API listens.")
  let certificateFile = Setting(
    "apiServer.https.tlsCertFile", .optionalText, default: "",
    "Certificate (PEM) of the HTTPS API; empty for that of general.tlsCertFile. It is read again when it changes.")
  let keyFile = Setting(
    "apiServer.https.tlsKeyFile", .optionalText, default: "", "Key (PEM) that belongs to the certificate.")
  let clientAuthorityFile = Setting(
    "apiServer.https.tlsCaFile", .optionalText, default: "",
    "Certificates (PEM) of authorities that sign the certificates of clients; empty for none.")
  let requiresClientCertificate = Setting(
    "apiServer.https.requireClientCert", .truth, default: "false",
    "Whether the HTTPS API refuses connections without a client certificate.")
  let clientCertificateFolder = Setting(
    "apiServer.auth.clientCertsDir", .optionalText, default: "",
    "Directory with certificates (files .pem or .crt) of clients, or of authorities that sign them; empty for none. It is read "
      + "again when it changes.")
}

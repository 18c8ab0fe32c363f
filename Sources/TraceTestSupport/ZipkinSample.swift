/// One span with every field, in both encodings of Zipkin.
package enum ZipkinSample {
  /// A list with the span in JSON.
  package static let json = #"""
    [{"traceId":"5982fe77008310cc80f1da5e10147517","parentId":"90394f6bcffb5d13","id":"67fae42571535f60",
      "kind":"SERVER","name":"Get /M/N","timestamp":1516781775726000,"duration":26000,
      "localEndpoint":{"serviceName":"Site","ipv4":"185.23.354.5","ipv6":"2001:db8::c001","port":8080},
      "remoteEndpoint":{"ipv4":"1.2.3.4","serviceName":"caller"},
      "annotations":[{"timestamp":1516781775726001,"value":"foo"}],
      "tags":{"http.path":"/a\u00e9\ud83d\ude00\n","n":12.50,"b":true},"debug":true,"shared":true,
      "unknown":[{"a":[1,-2e3,null,false]}],"nothing":null}]
    """#

  /// A list with the span in protobuf.
  package static let protobuf = ProtobufBytes { list in
    list.message(1) { span in
      span.id(1, 0x5982_fe77_0083_10cc, 0x80f1_da5e_1014_7517)
      span.id(2, 0x9039_4f6b_cffb_5d13)
      span.id(3, 0x67fa_e425_7153_5f60)
      span.number(4, 2)
      span.text(5, "Get /M/N")
      span.fixed(6, 1_516_781_775_726_000)
      span.number(7, 26_000)
      span.message(8) {
        $0.text(1, "Site")
        $0.data(2, [185, 23, 35, 5])
        $0.data(3, [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 10) + [0xc0, 0x01])
        $0.number(4, 8_080)
      }
      span.message(9) {
        $0.text(1, "caller")
        $0.data(3, [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 1, 2, 3, 4])
      }
      span.message(10) {
        $0.fixed(1, 1_516_781_775_726_001)
        $0.text(2, "foo")
      }
      for (key, value) in [("http.path", "/aé😀\n"), ("twice", "1"), ("twice", "2")] {
        span.message(11) {
          $0.text(1, key)
          $0.text(2, value)
        }
      }
      span.number(12, 1)
      span.number(13, 1)
      // Fields of some later version.
      span.text(99, "unknown")
      span.number(100, 1)
      span.fixed(101, 1)
      span.raw([0xb5, 0x06, 1, 2, 3, 4])
    }
  }.bytes
}

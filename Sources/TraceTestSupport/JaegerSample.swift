/// A trace of two spans of Jaeger.
package enum JaegerSample {
  /// As Jaeger's query service answers, with what its clients and exporters write.
  package static let json = #"""
    {"data":[{"traceID":"5982fe77008310cc80f1da5e10147517","spans":[
      {"traceID":"5982fe77008310cc80f1da5e10147517","spanID":"1","flags":1,"operationName":"GET /Cart","references":[],
       "startTime":1790812740000000,"duration":2500,"tags":[{"key":"span.kind","type":"string","value":"client"},
        {"key":"http.status_code","type":"int64","value":503},{"key":"ratio","type":"float64","value":0.50},
        {"key":"error","type":"bool","value":true},{"key":"peer.service","type":"string","value":"Cart"},
        {"key":"peer.ipv4","type":"string","value":"10.1.2.3"},{"key":"peer.port","type":"int64","value":8080}],
       "logs":[{"timestamp":1790812740000009,"fields":[{"key":"event","type":"string","value":"retry"}]},
        {"timestamp":1790812740000001,"fields":[{"key":"event","type":"string","value":"exception"},
         {"key":"code","type":"int64","value":7}]}],
       "processID":"p1","warnings":null},
      {"traceID":"5982fe77008310cc80f1da5e10147517","spanID":"2","flags":3,"operationName":"sub",
       "references":[{"refType":"FOLLOWS_FROM","traceID":"9","spanID":"8"},
        {"refType":"CHILD_OF","traceID":"5982fe77008310cc80f1da5e10147517","spanID":"0000000000000001"}],
       "startTime":1790812740000100,"duration":50,"tags":[{"key":"span.kind","type":"string","value":"internal"},
        {"key":"error","type":"bool","value":true},{"key":"error.message","type":"string","value":"no room"}],
       "logs":[],"processID":"p2","warnings":[]}],
     "processes":{"p1":{"serviceName":"Shop","tags":[{"key":"hostname","type":"string","value":"h1"},
       {"key":"ip","type":"string","value":"10.0.0.1"}]},"p2":{"serviceName":"shop","tags":[]}},"warnings":null}],
     "total":0,"limit":0,"offset":0,"errors":null}
    """#
}

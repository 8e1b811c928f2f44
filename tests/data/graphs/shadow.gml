# As Shadow reads it.
graph [
  directed 0
  node [
    id 0
    label "Berlin (A)"
    host_bandwidth_down "100 Mbit"
    host_bandwidth_up "20 Mbit"
    graphics [ x 1.5 y -2 fill "#ff0000" ]
  ]
  node [ id 7 label "berlin-a" host_bandwidth_down "1 Gbit" host_bandwidth_up "1 Gbit" ]
  node [ id 9 peers 6 ]
  node [ id 10 ]
  edge [ source 0 target 0 latency "1 ms" ]
  edge [ source 0 target 7 latency "10 ms" packet_loss 0.01 ]
  edge [ source 7 target 9 latency "2500 us" ]
  edge [ source 0 target 9 latency 40 ]
  edge [ source 9 target 9 latency "3 ms" ]
]

graph [
  DateObtained "3/02/11"
  node [ id 0 label "Paris" Country "France" Longitude 2.3488 Latitude 48.85341 Internal 1 ]
  node [ id 1 label "London" Country "United Kingdom" Longitude -0.12574 Latitude 51.50853 Internal 1 ]
  edge [ source 0 target 1 LinkSpeed "155" LinkLabel "155 Mbps" LinkSpeedRaw 155000000.0 ]
]

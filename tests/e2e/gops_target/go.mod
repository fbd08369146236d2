module gops_target

go 1.23.0

require github.com/google/gops v0.3.29

require golang.org/x/sys v0.30.0 // indirect

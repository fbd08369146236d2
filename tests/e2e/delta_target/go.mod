module delta_target

go 1.21

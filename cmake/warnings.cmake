# The warnings of this project; each is used where the compiler knows it. Not -Wformat-truncation:
# a message that is too long for its buffer is meant to be cut off.
set(GOSPY_WARNINGS
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla
	-Wformat=2 -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wconversion
	-Wnull-dereference -Wduplicated-cond -Wlogical-op -Wimplicit-fallthrough
	-Wno-format-truncation)
if(NOT GOSPY_SANITIZE)
	# A sanitizer's red zones count as stack.
	list(APPEND GOSPY_WARNINGS -Wstack-usage=16384)
endif()
foreach(flag IN LISTS GOSPY_WARNINGS)
	string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
	check_c_compiler_flag(${flag} ${var})
	if(${var})
		target_compile_options(gospy_flags INTERFACE ${flag})
	endif()
endforeach()
if(GOSPY_WERROR)
	target_compile_options(gospy_flags INTERFACE -Werror)
endif()

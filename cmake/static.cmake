# What a program has inside that is to run where nothing is installed (GOSPY_STATIC): for all else that
# asks the machine, the files that end with _none stand in.
set(GOSPY_TERMINALS xterm xterm-256color screen screen-256color tmux tmux-256color linux vt100 vt220 rxvt
    rxvt-unicode rxvt-unicode-256color ansi dumb)

# terminals(SOURCE): the descriptions of these terminals of this machine.
function(gospy_write_terminals source)
	set(text "#include <stddef.h>\n\n#include \"tui/terminfo_entries.h\"\n\nconst struct terminfo_entry terminfo_entries[] = {\n")
	foreach(name IN LISTS GOSPY_TERMINALS)
		string(SUBSTRING ${name} 0 1 letter)
		find_file(file ${letter}/${name} NO_CACHE NO_DEFAULT_PATH
			  PATHS /lib/terminfo /usr/share/terminfo /etc/terminfo)
		if(NOT file)
			message(FATAL_ERROR "the description of the terminal ${name} is missing. "
					    "On Debian: apt install ncurses-base")
		endif()
		file(READ ${file} hex HEX)
		string(TOUPPER ${hex} hex)
		string(APPEND text "\t{\"${name}\", \"hex:${hex}\"},\n")
		unset(file)
	endforeach()
	file(CONFIGURE OUTPUT ${source} CONTENT "${text}\t{NULL, NULL},\n};\n" @ONLY)
endfunction()

# What is a character, and how wide, of glibc's locale C.UTF-8.
function(gospy_write_ctype source)
	find_file(file C.utf8/LC_CTYPE NO_CACHE NO_DEFAULT_PATH PATHS /usr/lib/locale)
	if(NOT file)
		message(FATAL_ERROR "the locale C.UTF-8 is missing. On Debian: apt install libc-bin")
	endif()
	# The assembler takes the file as it is.
	file(CONFIGURE OUTPUT ${source} @ONLY CONTENT "\t.section .rodata
	.globl locale_ctype, locale_ctype_len
	.balign 16
locale_ctype:
	.incbin \"${file}\"
1:
	.balign 8
locale_ctype_len:
	.quad 1b - locale_ctype
	.section .note.GNU-stack,\"\",@progbits
")
endfunction()

if(GOSPY_STATIC)
	# Nobody unwinds these stacks, and functions that nobody calls need not be in it.
	target_compile_options(gospy_flags INTERFACE -fno-asynchronous-unwind-tables
			       -ffunction-sections -fdata-sections)
	gospy_write_terminals(${CMAKE_CURRENT_BINARY_DIR}/terminfo_entries.c)
	gospy_write_ctype(${CMAKE_CURRENT_BINARY_DIR}/locale_ctype.S)
	enable_language(ASM)
	list(FILTER FRONTEND_SOURCES EXCLUDE REGEX "(terminfo_entries|locale_ctype)_none.c$")
	list(APPEND FRONTEND_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/terminfo_entries.c
	     ${CMAKE_CURRENT_BINARY_DIR}/locale_ctype.S)
	list(FILTER BASE_SOURCES EXCLUDE REGEX src/base/user.c$)
	list(FILTER ENGINE_SOURCES EXCLUDE REGEX "src/(machine/resolve|core/debuginfod).c$")
else()
	list(FILTER BASE_SOURCES EXCLUDE REGEX src/base/user_none.c$)
	list(FILTER ENGINE_SOURCES EXCLUDE REGEX "src/(machine/resolve|core/debuginfod)_none.c$")
endif()

function(gospy_static_program program)
	if(GOSPY_STATIC)
		target_link_options(${program} PRIVATE -static -Wl,--gc-sections)
	endif()
endfunction()

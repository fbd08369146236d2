# cmake -DPAGE=x.html -DSOURCE=x.c -DSYMBOL=x -P embed_page.cmake: the page as a string of C. For
# @STYLE@ and @SCRIPT@ in its policy stand the hashes of its one style and its one script.

# hash(VARIABLE TAG): that of what is in the first <TAG>, as a policy names it. Nothing else of the
# page may run, so no nonce has to be made up each time it is written.
function(hash variable tag)
	string(FIND "${page}" "<${tag}>" begin)
	if(begin EQUAL -1)
		message(FATAL_ERROR "${PAGE}: there is no <${tag}>")
	endif()
	string(LENGTH "<${tag}>" skipped)
	math(EXPR begin "${begin} + ${skipped}")
	string(SUBSTRING "${page}" ${begin} -1 text)
	string(FIND "${text}" "</${tag}>" end)
	string(SUBSTRING "${text}" 0 ${end} text)
	string(SHA256 hex "${text}")
	set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
	set(base64 "")
	# 32 bytes are ten times three and two, which two zero bits fill up.
	string(APPEND hex "0000")
	foreach(group RANGE 0 60 6)
		string(SUBSTRING "${hex}" ${group} 6 three)
		foreach(shift 18 12 6 0)
			math(EXPR digit "(0x${three} >> ${shift}) & 63")
			string(SUBSTRING ${digits} ${digit} 1 digit)
			string(APPEND base64 ${digit})
		endforeach()
	endforeach()
	string(SUBSTRING ${base64} 0 43 base64)
	set(${variable} "sha256-${base64}=" PARENT_SCOPE)
endfunction()

# As hex: a list of CMake ends at each semicolon, and brackets hide them.
file(READ "${PAGE}" page)
hash(style style)
hash(script script)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(HEX "${page}" hex)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1', " hex "${hex}")
file(WRITE "${SOURCE}" "#include \"render/flame_page.h\"

const char ${SYMBOL}[] = {
${hex}'\\0'};
")

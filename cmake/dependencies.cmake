# The libraries gospy is built on. What is missing is named with the Debian package that holds it.
function(gospy_require found what package)
	if(NOT ${found})
		message(FATAL_ERROR "${what} is missing. On Debian: apt install ${package} "
				    "(`./dev deps` installs all that is needed)")
	endif()
endfunction()

# A static program takes archives where pkg-config, and who else knows libraries, names shared ones.
# gospy_archives(TARGET NAME...): TARGET is linked with lib<NAME>.a and those behind it.
function(gospy_archives target)
	if(NOT GOSPY_STATIC)
		return()
	endif()
	set(archives "")
	foreach(name IN LISTS ARGN)
		find_library(GOSPY_ARCHIVE_${name} lib${name}.a REQUIRED)
		list(APPEND archives ${GOSPY_ARCHIVE_${name}})
	endforeach()
	set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)
gospy_require(PKG_CONFIG_FOUND pkg-config pkg-config)
find_package(ZLIB QUIET)
gospy_require(ZLIB_FOUND zlib zlib1g-dev)
if(GOSPY_STATIC)
	find_library(GOSPY_ARCHIVE_z libz.a REQUIRED)
	set_target_properties(ZLIB::ZLIB PROPERTIES IMPORTED_LOCATION ${GOSPY_ARCHIVE_z}
			      IMPORTED_LOCATION_RELEASE ${GOSPY_ARCHIVE_z})
endif()
pkg_check_modules(LIBELF QUIET IMPORTED_TARGET libelf)
gospy_require(LIBELF_FOUND libelf libelf-dev)
gospy_archives(PkgConfig::LIBELF elf z)

# libdwarf without its pkg-config file: Debian 12 has none, and that of Debian 13 names a directory of
# headers which the package does not have.
find_path(LIBDWARF_INCLUDE_DIR libdwarf.h PATH_SUFFIXES libdwarf libdwarf-0 libdwarf-1 libdwarf-2)
find_library(LIBDWARF_LIBRARY dwarf)
gospy_require(LIBDWARF_INCLUDE_DIR libdwarf libdwarf-dev)
gospy_require(LIBDWARF_LIBRARY libdwarf libdwarf-dev)
add_library(LibDwarf::LibDwarf INTERFACE IMPORTED)
target_include_directories(LibDwarf::LibDwarf SYSTEM INTERFACE ${LIBDWARF_INCLUDE_DIR})
target_link_libraries(LibDwarf::LibDwarf INTERFACE ${LIBDWARF_LIBRARY})
gospy_archives(LibDwarf::LibDwarf dwarf elf z)

set(GOSPY_LIBS PkgConfig::LIBELF LibDwarf::LibDwarf ZLIB::ZLIB Threads::Threads m)

# Only faster than zlib: where it is missing nothing else is.
set(GOSPY_ISAL_LIB "")
if(GOSPY_ISAL)
	pkg_check_modules(ISAL QUIET IMPORTED_TARGET libisal)
	if(ISAL_FOUND)
		gospy_archives(PkgConfig::ISAL isal)
		list(APPEND GOSPY_LIBS PkgConfig::ISAL)
		set(GOSPY_ISAL_LIB "libisal")
	else()
		message(STATUS "ISA-L is missing (on Debian: apt install libisal-dev): zlib does its "
			       "work, at half the speed or less")
	endif()
endif()

# What Go itself compresses is read without it.
set(GOSPY_ZSTD_LIB "")
if(GOSPY_ZSTD)
	pkg_check_modules(ZSTD QUIET IMPORTED_TARGET libzstd)
	if(ZSTD_FOUND)
		gospy_archives(PkgConfig::ZSTD zstd)
		list(APPEND GOSPY_LIBS PkgConfig::ZSTD)
		set(GOSPY_ZSTD_LIB "libzstd")
	else()
		message(STATUS "libzstd is missing (on Debian: apt install libzstd-dev): bundles, "
			       "core files and debug information in zstd cannot be read")
	endif()
endif()

# What systemd-coredump and others may make of a core file, besides zstd.
set(GOSPY_LZMA_LIB "")
if(GOSPY_LZMA)
	pkg_check_modules(LZMA QUIET IMPORTED_TARGET liblzma)
	if(LZMA_FOUND)
		gospy_archives(PkgConfig::LZMA lzma)
		list(APPEND GOSPY_LIBS PkgConfig::LZMA)
		set(GOSPY_LZMA_LIB "liblzma")
	else()
		message(STATUS "liblzma is missing (on Debian: apt install liblzma-dev): core files "
			       "that are compressed by xz cannot be read")
	endif()
endif()
set(GOSPY_LZ4_LIB "")
if(GOSPY_LZ4)
	pkg_check_modules(LZ4 QUIET IMPORTED_TARGET liblz4)
	if(LZ4_FOUND)
		gospy_archives(PkgConfig::LZ4 lz4)
		list(APPEND GOSPY_LIBS PkgConfig::LZ4)
		set(GOSPY_LZ4_LIB "liblz4")
	else()
		message(STATUS "liblz4 is missing (on Debian: apt install liblz4-dev): core files "
			       "that are compressed by lz4 cannot be read")
	endif()
endif()

# libunwind for other processes than its own: the "generic" one.
set(GOSPY_NATIVE_LIB "")
if(GOSPY_NATIVE)
	pkg_check_modules(LIBUNWIND QUIET IMPORTED_TARGET libunwind-generic)
	gospy_require(LIBUNWIND_FOUND "libunwind (or -DGOSPY_NATIVE=OFF, without stacks of C code)"
		      libunwind-dev)
	gospy_archives(PkgConfig::LIBUNWIND unwind-x86_64 unwind lzma)
	list(APPEND GOSPY_LIBS PkgConfig::LIBUNWIND)
	set(GOSPY_NATIVE_LIB "libunwind-generic")
endif()

# Zydis by its parts: not every Debian has its CMake files, and none a pkg-config file.
set(GOSPY_CODE_LIB "")
if(GOSPY_CODE)
	find_path(ZYDIS_INCLUDE_DIR Zydis/Zydis.h)
	find_library(ZYDIS_LIBRARY Zydis)
	foreach(part ZYDIS_INCLUDE_DIR ZYDIS_LIBRARY)
		gospy_require(${part} "Zydis (or -DGOSPY_CODE=OFF, without stripped programs)"
			      libzydis-dev)
	endforeach()
	add_library(Zydis::Zydis INTERFACE IMPORTED)
	target_include_directories(Zydis::Zydis SYSTEM INTERFACE ${ZYDIS_INCLUDE_DIR})
	target_link_libraries(Zydis::Zydis INTERFACE ${ZYDIS_LIBRARY})
	if(GOSPY_STATIC)
		target_compile_definitions(Zydis::Zydis INTERFACE ZYDIS_STATIC_BUILD
						  ZYCORE_STATIC_BUILD)
	endif()
	gospy_archives(Zydis::Zydis Zydis)
	list(APPEND GOSPY_LIBS Zydis::Zydis)
	set(GOSPY_CODE_LIB "-lZydis")
endif()

# Of the program only, not of libgospy. From 10.34 on PCRE2 looks for matches in bytes that are not all
# UTF-8.
pkg_check_modules(PCRE2 QUIET IMPORTED_TARGET libpcre2-8>=10.34)
gospy_require(PCRE2_FOUND "PCRE2 (10.34 or newer)" libpcre2-dev)
gospy_archives(PkgConfig::PCRE2 pcre2-8)
set(GOSPY_PROGRAM_LIBS PkgConfig::PCRE2 ZLIB::ZLIB)
if(GOSPY_TUI)
	pkg_check_modules(NCURSESW QUIET IMPORTED_TARGET ncursesw)
	gospy_require(NCURSESW_FOUND "ncursesw (or -DGOSPY_TUI=OFF: `gospy top --batch` only)"
		      libncurses-dev)
	gospy_archives(PkgConfig::NCURSESW ncursesw tinfo)
	list(APPEND GOSPY_PROGRAM_LIBS PkgConfig::NCURSESW)
endif()

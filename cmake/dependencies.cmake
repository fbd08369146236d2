# The libraries gospy is built on. What is missing is named with the Debian package that holds it.
function(gospy_require found what package)
	if(NOT ${found})
		message(FATAL_ERROR "${what} is missing. On Debian: apt install ${package} "
				    "(`./dev deps` installs all that is needed)")
	endif()
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)
gospy_require(PKG_CONFIG_FOUND pkg-config pkg-config)
set(GOSPY_LIBS Threads::Threads)

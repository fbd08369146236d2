# libgospy, shared and static. Both export gospy_* only: the shared one by visibility, the static one
# by linking its objects into one and making the hidden symbols local.
if(NOT GOSPY_STATIC)
	add_library(gospy_shared SHARED $<TARGET_OBJECTS:gospy_base> $<TARGET_OBJECTS:gospy_engine>)
	set_target_properties(gospy_shared PROPERTIES OUTPUT_NAME gospy VERSION ${PROJECT_VERSION}
						      SOVERSION ${PROJECT_VERSION_MAJOR})
	target_link_libraries(gospy_shared PRIVATE gospy_flags ${GOSPY_LIBS})
	# A lookup of a host's name cannot be called off: dlclose() leaves the code where its thread is.
	target_link_options(gospy_shared PRIVATE LINKER:-z,nodelete)
endif()

set(GOSPY_RELOCATABLE ${CMAKE_CURRENT_BINARY_DIR}/libgospy.o)
add_custom_command(
	OUTPUT ${GOSPY_RELOCATABLE}
	COMMAND ${CMAKE_LINKER} -r -o ${GOSPY_RELOCATABLE} $<TARGET_OBJECTS:gospy_base>
		$<TARGET_OBJECTS:gospy_engine>
	COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${GOSPY_RELOCATABLE}
	DEPENDS gospy_base gospy_engine $<TARGET_OBJECTS:gospy_base> $<TARGET_OBJECTS:gospy_engine>
	COMMENT "Linking libgospy.o"
	COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${GOSPY_RELOCATABLE} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(gospy_static STATIC ${GOSPY_RELOCATABLE})
set_target_properties(gospy_static PROPERTIES OUTPUT_NAME gospy LINKER_LANGUAGE C)
target_link_libraries(gospy_static INTERFACE ${GOSPY_LIBS})
target_include_directories(gospy_static INTERFACE ${PROJECT_SOURCE_DIR}/include)

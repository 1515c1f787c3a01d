# kintail_folder(NAME LINK <targets...>): the library kintail_NAME made of every .c file in this folder.
#
# Its headers are seen as "NAME/header.h" and only by targets that link it, directly or through
# another library: each folder has an include root of its own that holds nothing but a link to it.
# So the direction of includes is the direction of the LINK lists, and the compiler enforces it.
function(kintail_folder name)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    set(root ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${root})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
    add_library(kintail_${name} STATIC ${sources})
    target_include_directories(kintail_${name} PUBLIC ${root})
    target_link_libraries(kintail_${name} PUBLIC kintail_flags ${ARG_LINK})
    set_property(GLOBAL APPEND PROPERTY KINTAIL_FOLDERS ${name})
endfunction()

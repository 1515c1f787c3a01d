# One interface target that every target of the project links.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(kintail_flags INTERFACE)
target_compile_definitions(kintail_flags INTERFACE
    _GNU_SOURCE _FILE_OFFSET_BITS=64 KINTAIL_VERSION="${PROJECT_VERSION}")
target_compile_options(kintail_flags INTERFACE
    -fvisibility=hidden -fno-omit-frame-pointer
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wcast-qual -Wcast-align
    -Wwrite-strings -Wpointer-arith -Wswitch-enum -Wimplicit-fallthrough -Wdouble-promotion
    -Walloca)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(kintail_flags INTERFACE
        -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init)
endif()
if(KINTAIL_CRASH_POINTS)
    target_compile_definitions(kintail_flags INTERFACE KINTAIL_CRASH_POINTS)
endif()
if(KINTAIL_WERROR)
    target_compile_options(kintail_flags INTERFACE -Werror)
endif()

if(KINTAIL_SANITIZE)
    target_compile_options(kintail_flags INTERFACE
        -fsanitize=${KINTAIL_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(kintail_flags INTERFACE -fsanitize=${KINTAIL_SANITIZE})
else()
    # Hardening belongs to what is shipped; sanitizers bring checks of their own.
    target_compile_options(kintail_flags INTERFACE
        $<$<CONFIG:RelWithDebInfo>:-U_FORTIFY_SOURCE> $<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=2>
        -fstack-protector-strong -fstack-clash-protection
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>)
    target_link_options(kintail_flags INTERFACE
        -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
if(KINTAIL_COVERAGE)
    target_compile_options(kintail_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(kintail_flags INTERFACE --coverage)
endif()
# Assertions are part of the program (base/assert.h) and never compiled out.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

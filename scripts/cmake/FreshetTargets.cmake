# The three kinds of target Freshet has: a folder of the engine, a test program, a job library.
include(FreshetAddJob)  # freshet_add_job(), which an installed Freshet has too

# Warnings and sanitizers of everything built in this tree; never leaks into an installed package.
add_library(freshet_build_flags INTERFACE)
target_compile_features(freshet_build_flags INTERFACE cxx_std_20)
target_compile_options(freshet_build_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
if(FRESHET_SANITIZER)
  target_compile_options(freshet_build_flags INTERFACE -fsanitize=${FRESHET_SANITIZER} -fno-omit-frame-pointer)
  target_link_options(freshet_build_flags INTERFACE -fsanitize=${FRESHET_SANITIZER})
  # Checks at every use of a pointer are a third of the compile time. A wild or null one the address sanitizer finds as
  # well; a misaligned one goes unnoticed.
  if(FRESHET_SANITIZER MATCHES undefined)
    target_compile_options(freshet_build_flags INTERFACE -fno-sanitize=null,alignment,vptr,object-size)
  endif()
endif()

# The sanitizer trees compile the files of a folder as one, in less than half of the time. The release tree does so with
# tests only, when everything is built anyway: the engine's files then prove that each includes what it uses, and while
# one works on a test the others need not be compiled again.
option(FRESHET_UNITY "Compile the files of a folder together" OFF)
option(FRESHET_TESTS_TOGETHER "Compile the files of a test program together" ${FRESHET_UNITY})

# freshet_compile_together(NAME OPTION): when that is on. Several at a time, so that no core waits for one large one.
function(freshet_compile_together name option)
  if(${option})
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
    # Said of what an included file keeps to itself, which is no longer the compiler's main file.
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# freshet_folder(NAME SOURCES a.cpp … [DEPENDS target …] [PRIVATE_DEPENDS target …])
# One object library per folder. Its objects end up in libfreshet (see runtime/CMakeLists.txt) or in the executable.
# Within a folder a name stands for one thing, also in files' own namespaces.
function(freshet_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} OBJECT ${ARG_SOURCES})
  freshet_compile_together(${name} FRESHET_UNITY)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/operators/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/dag/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>)
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE freshet_build_flags ${ARG_PRIVATE_DEPENDS})
endfunction()

# freshet_test(NAME SOURCES a_test.cpp … [DEPENDS target …] [LABELS unit …] [APART])
# A GoogleTest program; ctest runs each of its tests by name. tests/tsan.supp names the libraries that the thread sanitizer
# cannot see into. APART: its files give the same names to different things, and are not compiled together.
function(freshet_test name)
  cmake_parse_arguments(ARG "APART" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(NOT ARG_APART)
    freshet_compile_together(${name} FRESHET_TESTS_TOGETHER)
  endif()
  target_link_libraries(${name} PRIVATE freshet_build_flags ${ARG_DEPENDS} GTest::gmock_main)
  # What a test has of its own is compiled in four fifths of the time; the engine that it tests is optimised in full.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
endfunction()

# freshet_add_job(NAME SOURCES a.cpp … [DEPENDS target …])
# A job library, lib<NAME>.so, for freshet run and submit. The same function serves this tree and projects that find an
# installed Freshet; both have the target freshet::freshet.
# Names stay inside the library: without, two libraries that both say `struct Event` would silently share one schema.
function(freshet_add_job name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "freshet_add_job(${name}): say which files it is made of: SOURCES ${name}.cpp")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX lib
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_compile_options(${name} PRIVATE -fno-gnu-unique)
  target_link_libraries(${name} PRIVATE freshet::freshet ${ARG_DEPENDS})
endfunction()

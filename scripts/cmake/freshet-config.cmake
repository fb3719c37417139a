# find_package(freshet): the target freshet::freshet, and freshet_add_job() for job libraries.
include(${CMAKE_CURRENT_LIST_DIR}/freshet-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/FreshetAddJob.cmake)

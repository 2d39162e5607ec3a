# SPDX-License-Identifier: GPL-3.0-or-later
# What every folder of tests/ uses.
find_package(GTest REQUIRED)
include(GoogleTest)

# interleave_test(NAME LIBRARIES … SOURCES …): one GoogleTest binary whose tests ctest lists one by one.
# OpenMP threads wait without spinning, since tests run beside each other and beside builds.
function(interleave_test name)
  cmake_parse_arguments(arg "" "" "LIBRARIES;SOURCES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  interleave_target(${name})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gtest_main GTest::gmock)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 600 ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()

# SPDX-License-Identifier: GPL-3.0-or-later
# Language level, warnings, sanitizers and compiler cache, in one place for every target.
get_filename_component(INTERLEAVE_ROOT "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)  # what one clone has compiled serves another: paths below the root count as seen from the build folder
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    "CCACHE_BASEDIR=${INTERLEAVE_ROOT}" CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

# interleave_target(NAME): our warnings, the sanitizers asked for, and includes from the repository's root.
function(interleave_target name)
  target_include_directories(${name} PUBLIC "${INTERLEAVE_ROOT}")
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
  if(INTERLEAVE_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  foreach(sanitizer IN LISTS INTERLEAVE_SANITIZERS)
    target_compile_options(${name} PRIVATE -fsanitize=${sanitizer} -fno-omit-frame-pointer -g)
    target_link_options(${name} PUBLIC -fsanitize=${sanitizer})
  endforeach()
endfunction()

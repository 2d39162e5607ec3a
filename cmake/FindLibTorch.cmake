# SPDX-License-Identifier: GPL-3.0-or-later
# LibTorch without the CUDA libraries: libtorch_cpu and libc10 only, as the imported target LibTorch::LibTorch.
# LibTorch's own package file would drag in libtorch_cuda, which does not link where its dependencies are absent;
# libtorch_cuda.so is loaded at run time instead, where there is a GPU.
#
# LIBTORCH_ROOT: the folder holding include/ and lib/ (a LibTorch archive, or the torch folder of the Python wheel).
# LIBTORCH_RUNTIME_DIRS: folders of the small NVIDIA libraries that a CUDA build of libtorch_cpu itself needs.
set(LIBTORCH_ROOT "" CACHE PATH "Folder with LibTorch's include/ and lib/")
file(GLOB _libtorch_wheels "${CMAKE_CURRENT_LIST_DIR}/../.deps/python/lib/python3*/site-packages/torch")
find_path(LIBTORCH_INCLUDE_DIR ATen/ATen.h
  HINTS ${LIBTORCH_ROOT} ${_libtorch_wheels} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LIBTORCH_CPU_LIBRARY torch_cpu
  HINTS ${LIBTORCH_ROOT} ${_libtorch_wheels} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LIBTORCH_C10_LIBRARY c10
  HINTS ${LIBTORCH_ROOT} ${_libtorch_wheels} PATH_SUFFIXES lib NO_DEFAULT_PATH)
if(LIBTORCH_INCLUDE_DIR)
  foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(NOT LibTorch_VERSION AND EXISTS "${LIBTORCH_INCLUDE_DIR}/${_header}")
      file(STRINGS "${LIBTORCH_INCLUDE_DIR}/${_header}" _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE "[^0-9;]" "" _lines "${_lines}")
      list(JOIN _lines "." LibTorch_VERSION)
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LIBTORCH_CPU_LIBRARY LIBTORCH_C10_LIBRARY LIBTORCH_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Run packaging/test.sh or packaging/run.sh, or pass -DLIBTORCH_ROOT=<folder>.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(_libtorch_lib "${LIBTORCH_CPU_LIBRARY}" DIRECTORY)
  file(GLOB _libtorch_nvidia "${LIBTORCH_INCLUDE_DIR}/../../nvidia/cu*/lib" "${LIBTORCH_INCLUDE_DIR}/../../nvidia/*/lib")
  set(LIBTORCH_RUNTIME_DIRS "${_libtorch_nvidia}" CACHE STRING "Folders of NVIDIA's small run-time libraries")
  # at::parallel_for is inline and calls libgomp: the copy that libtorch_cpu brings, since there must not be two. Hence
  # -fopenmp only compiles, and does not link.
  file(GLOB _libtorch_gomp "${_libtorch_lib}/libgomp*.so*")
  if(NOT _libtorch_gomp)
    set(_libtorch_gomp gomp)
  endif()
  add_library(LibTorch::C10 UNKNOWN IMPORTED)
  set_target_properties(LibTorch::C10 PROPERTIES IMPORTED_LOCATION "${LIBTORCH_C10_LIBRARY}")
  add_library(LibTorch::LibTorch UNKNOWN IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    IMPORTED_LOCATION "${LIBTORCH_CPU_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LIBTORCH_INCLUDE_DIR};${LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_COMPILE_OPTIONS "-fopenmp"
    INTERFACE_LINK_LIBRARIES "LibTorch::C10;${_libtorch_gomp}")
  set(_libtorch_rpath "${_libtorch_lib}")
  foreach(_dir IN LISTS LIBTORCH_RUNTIME_DIRS)
    list(APPEND _libtorch_rpath "${_dir}")
  endforeach()
  set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_LINK_OPTIONS "")
  foreach(_dir IN LISTS _libtorch_rpath)
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY INTERFACE_LINK_OPTIONS
      "-Wl,-rpath,${_dir}" "-Wl,-rpath-link,${_dir}")
  endforeach()
endif()

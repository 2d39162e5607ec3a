# SPDX-License-Identifier: GPL-3.0-or-later
# cmake --install, and packages by cpack. The programs stand in lib/interleave; bin/ holds what starts them with LibTorch,
# which stays the user's own, as NVIDIA's libraries do. Installed here, they have a link to the LibTorch that they were
# built with; a package has none, nor any other path of the machine that made it.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # what is installed is `programs`; tests need not be built

add_custom_target(programs COMMENT "The programs alone, without tests and benchmarks")
set(_programs "${CMAKE_INSTALL_LIBDIR}/interleave")
if(NOT INTERLEAVE_TORCH)
  set(_programs "${CMAKE_INSTALL_BINDIR}")
endif()
foreach(_target IN ITEMS interleave_cli interleave interleave_backend interleave_cuda_kernels)
  if(TARGET ${_target})
    add_dependencies(programs ${_target})
    set_target_properties(${_target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(TARGETS ${_target} COMPONENT programs RUNTIME DESTINATION ${_programs} LIBRARY DESTINATION ${_programs})
  endif()
endforeach()
if(INTERLEAVE_TORCH)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" INTERLEAVE_LIBTORCH_SERIES "${LibTorch_VERSION}")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/launcher.sh.in" "${PROJECT_BINARY_DIR}/launcher.sh" @ONLY)
  foreach(_name IN ITEMS interleave-cli interleave)
    if(INTERLEAVE_GUI OR _name STREQUAL "interleave-cli")
      install(PROGRAMS "${PROJECT_BINARY_DIR}/launcher.sh" COMPONENT programs
        DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME ${_name})
    endif()
  endforeach()
  get_filename_component(_libtorch "${LIBTORCH_INCLUDE_DIR}" DIRECTORY)
  install(CODE "file(CREATE_LINK \"${_libtorch}\" \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${_programs}/libtorch\" SYMBOLIC)"
    COMPONENT here)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md"
  COMPONENT programs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${CMAKE_CURRENT_LIST_DIR}/interleave.desktop"
  COMPONENT programs DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};programs;/")
set(CPACK_PACKAGE_NAME interleave)
set(CPACK_PACKAGE_VENDOR "The Interleave authors")
set(CPACK_PACKAGE_CONTACT "The Interleave authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Decide where a pretrained Transformer keeps softmax attention")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS  # not found by a tool, which would stumble over LibTorch
  "libfmt9, libhwy1, libpcre2-8-0, libqcustomplot2.1-qt6, libqt6printsupport6, libqt6svg6, libqt6widgets6"
  "libspdlog1.10, libsqlite3-0, libutf8proc2, qt6-qpa-plugins")
list(JOIN CPACK_DEBIAN_PACKAGE_DEPENDS ", " CPACK_DEBIAN_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "fonts-dejavu-core, python3-venv")
include(CPack)

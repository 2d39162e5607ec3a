# SPDX-License-Identifier: GPL-3.0-or-later
# cmake --install, and packages by cpack. LibTorch and NVIDIA's libraries stay the user's own: programs find them where they
# were when this was built.
include(GNUInstallDirs)

foreach(_target IN ITEMS interleave_cli interleave interleave_backend)
  if(TARGET ${_target})
    set_target_properties(${_target} PROPERTIES
      INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}" INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${_target}
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${CMAKE_CURRENT_LIST_DIR}/interleave.desktop" DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_NAME interleave)
set(CPACK_PACKAGE_VENDOR "The Interleave authors")
set(CPACK_PACKAGE_CONTACT "The Interleave authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Decide where a pretrained Transformer keeps softmax attention")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS  # not found by a tool, which would stumble over LibTorch
  "libfmt9, libhwy1, libpcre2-8-0, libqcustomplot2.1-qt6, libqt6printsupport6, libqt6svg6, libqt6widgets6"
  "libspdlog1.10, libsqlite3-0, libutf8proc2")
list(JOIN CPACK_DEBIAN_PACKAGE_DEPENDS ", " CPACK_DEBIAN_PACKAGE_DEPENDS)
include(CPack)

# pam_pg_principal.so, by which any driver logs in with a token as its password. It takes libpam's headers.
PAM_MODULE := $(BUILD)/pam_pg_principal.so
# Beside the extension's own library: the service file names it by its path.
PAM_HEADER := $(shell echo '\#include <security/pam_modules.h>' | $(CXX) -x c++ -E -o /dev/null - 2>/dev/null && echo yes)

$(PAM_MODULE): extension/pam/pam_pg_principal.cpp Makefile extension/pam/pam.mk $(FLAGS)
	@mkdir -p $(@D)
	$(CXX) $(STRICT) $(HARDEN) $(EXTRA_FLAGS) -fvisibility=hidden -shared $< -Wl,-z,relro,-z,now -lpam -o $@

ifeq ($(PAM_HEADER),yes)
all: $(PAM_MODULE)
install: install-pam
install-pam: $(PAM_MODULE)
	mkdir -p '$(DESTDIR)$(pkglibdir)'
	install -m 755 $(INSTALL_STRIP_FLAG) $< '$(DESTDIR)$(pkglibdir)/pam_pg_principal.so'
else
all: without-pam
without-pam:
	@echo "no headers of libpam (libpam0g-dev): pam_pg_principal.so, by which tokens log in, is not built" >&2
endif
uninstall: uninstall-pam
uninstall-pam:
	rm -f '$(DESTDIR)$(pkglibdir)/pam_pg_principal.so'

.PHONY: install-pam uninstall-pam without-pam

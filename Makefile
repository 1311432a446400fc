# pg_principal: `make run`, `make test`, `make torture`, `make matrix`, `make lint`, `make bench`, `make fuzz`, `make install`, `make clean`;
# `make extension` (without the command: FRONTEND=no make install), `make debug`, `make installcheck` on a running server,
# `make deb`, `make containers`, `make dist`.
PG_CONFIG ?= pg_config
BUILD := build
MAKEFLAGS += --no-print-directory

EXTENSION = extension/pg_principal
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
MODULE_big = pg_principal
UPGRADE_STEPS := $(shell ls sql/upgrade/*.sql 2>/dev/null | sort -V)
UPGRADES := $(foreach step,$(UPGRADE_STEPS),sql/pg_principal--$(firstword $(subst --, ,$(notdir $(step))))--$(EXTVERSION).sql)
DATA_built = sql/pg_principal--$(EXTVERSION).sql $(UPGRADES)

CORE_SRC := $(wildcard extension/core/*/*.cpp)
PG_SRC := $(wildcard extension/pg/*.cpp extension/pg/*/*.cpp)
FRONTEND_SRC := $(wildcard frontend/*.cpp frontend/*/*.cpp)
# Compiled a folder at a time: what libraries' and the server's headers hold is read and compiled once for all files
# of a folder, which takes half of the time. So names without linkage are told apart within a folder.
# UNITY=no: file by file, each with what it includes itself, as .ci/run builds it by clang.
folders_of = $(patsubst %/,%,$(sort $(dir $1)))
CORE_FOLDERS := $(call folders_of,$(CORE_SRC))
PG_FOLDERS := $(call folders_of,$(PG_SRC))
FRONTEND_FOLDERS := $(filter-out frontend,$(call folders_of,$(FRONTEND_SRC)))
# $1: folders, $2: the files in them
objects_of = $(patsubst extension/%,%,$(if $(filter no,$(UNITY)),$(2:.cpp=.o),$(1:=.folder.o)))
CORE_OBJS := $(addprefix $(BUILD)/obj/,$(call objects_of,$(CORE_FOLDERS),$(CORE_SRC)))
PG_OBJS := $(addprefix $(BUILD)/obj/,$(call objects_of,$(PG_FOLDERS),$(PG_SRC)))
FRONTEND_OBJS := $(addprefix $(BUILD)/obj/,$(call objects_of,$(FRONTEND_FOLDERS),$(filter-out frontend/main.cpp,$(FRONTEND_SRC))))
OBJS = $(CORE_OBJS) $(PG_OBJS)
# -z now: bound once, where the server starts, and not in every new connection.
SHLIB_LINK = -lcrypto -largon2 -lcrypt -lstdc++ -Wl,-z,now -Wl,--version-script=extension/exports.map
EXTRA_CLEAN = $(BUILD) .run

# make installcheck [REGRESS=accounts] [ISOLATION=]: against the running server that libpq's variables lead to, which has
# what `make install` installed and pg_principal in shared_preload_libraries. Differences: build/installcheck/regression.diffs.
REGRESS ?= $(basename $(notdir $(sort $(wildcard tests/sql/*.sql))))
REGRESS_OPTS = --inputdir=tests --outputdir=$(BUILD)/installcheck --load-extension=pg_principal
REGRESS_PREP = installcheck-folders
ISOLATION ?= $(basename $(notdir $(sort $(wildcard tests/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=tests/isolation --outputdir=$(BUILD)/installcheck/isolation --load-extension=pg_principal
installcheck-folders:
	@mkdir -p $(BUILD)/installcheck/isolation

# The caller's flags, before PGXS sets its own: they come after ours, and so they win.
ifneq ($(DEBUG),)
EXTRA_FLAGS := -O0 -g3 -fno-omit-frame-pointer -U_FORTIFY_SOURCE
endif
EXTRA_FLAGS := $(strip $(EXTRA_FLAGS) $(foreach flags,PG_CFLAGS PG_CXXFLAGS COPT CPPFLAGS CXXFLAGS,\
	$(if $(filter command environment,$(firstword $(origin $(flags)))),$($(flags)))))
# And compilers, which PGXS sets whatever the environment says.
$(foreach name,CC CXX,$(if $(filter environment,$(firstword $(origin $(name)))),$(eval CALLERS_$(name) := $($(name)))))

# PGXS passes no C++ flags to the bitcode compiler, so there is no bitcode.
override with_llvm = no
# What installs and chooses a PostgreSQL itself does not depend on the one that PATH happens to lead to.
HARNESS := run test torture matrix bench lint fuzz deb containers dist
PGXS := $(if $(filter $(HARNESS),$(MAKECMDGOALS)),,$(shell $(PG_CONFIG) --pgxs 2>/dev/null))
# Debian ships pgxs.mk with the server, the headers apart from it.
SERVER_HEADER := $(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h)
ifneq ($(and $(wildcard $(PGXS)),$(SERVER_HEADER)),)
include $(PGXS)
else
# `make run` and `make test` start here on a machine that has nothing yet.
all install:
	@echo "no PostgreSQL server headers ($(PG_CONFIG) --includedir-server): install postgresql-server-dev-all" >&2; exit 1
clean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) $(MODULE_big).so $(DATA_built)
endif

$(foreach name,CC CXX,$(if $(CALLERS_$(name)),$(eval $(name) := $(CALLERS_$(name)))))

# GCC 14 sees overflows in its own std::vector. Clang (make CXX=clang++) does not know all of gcc's warnings.
# Lint and CI set WERROR=-Werror; whoever builds with another compiler is not stopped by its warnings.
WERROR ?=
STRICT := -std=c++17 -g1 -Wall -Wextra $(WERROR) -Wshadow -Wnon-virtual-dtor -Wno-stringop-overflow \
	$(if $(findstring clang,$(CXX)),-Wno-unknown-warning-option)
HARDEN := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC
# core/ sees no server header: its include path has none.
CORE_FLAGS := $(STRICT) $(HARDEN) -fvisibility=hidden -Iextension
# Server headers as system headers, so that our own warnings can be errors.
PG_FLAGS = $(CORE_FLAGS) -isystem $(includedir_server) -D_GNU_SOURCE -Wno-shadow -Wshadow=local -fno-strict-aliasing -fwrapv
# pkg-config: cpp-httplib's classes have other members without the options that it was built with.
FRONTEND_INCLUDES := -Ifrontend -Iextension -isystem $(shell $(PG_CONFIG) --includedir 2>/dev/null) \
	-DPG_PRINCIPAL_VERSION='"$(EXTVERSION)"' $(shell pkg-config --cflags-only-other cpp-httplib 2>/dev/null)
# cpp-httplib only where it is called: it sets up OpenSSL before main() does anything.
FRONTEND_LIBS := -Wl,-z,relro,-z,now -Wl,--push-state,--as-needed -lcpp-httplib -Wl,--pop-state -lpq -lyaml-cpp -lssl -lcrypto -largon2 -lcrypt -pthread

# Objects are of one server version, one compiler and one set of flags: others compile them again.
SERVER := $(BUILD)/obj/postgresql-$(VERSION)
$(SERVER):
	@mkdir -p $(@D) && rm -f $(BUILD)/obj/postgresql-* && touch $@
FLAGS := $(BUILD)/obj/flags-$(firstword $(shell echo '$(CXX) $(subst ',,$(EXTRA_FLAGS))' | cksum))
$(FLAGS):
	@mkdir -p $(@D) && rm -f $(BUILD)/obj/flags-* && touch $@

define folder
$(BUILD)/folders/$1.cpp: $1 $(wildcard $1/*.cpp) # the folder, too: a file may go
	@mkdir -p $$(@D)
	printf '#include "%s"\n' $$(filter %.cpp,$$^) >$$@
endef
$(foreach one,$(CORE_FOLDERS) $(PG_FOLDERS) $(FRONTEND_FOLDERS),$(eval $(call folder,$(one))))
# Of another file of its folder a name may well be shadowed.
FOLDER_FLAGS := -Wno-shadow -Wshadow=local -I.

$(BUILD)/obj/core/%.o: extension/core/%.cpp Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(CXX) $(CORE_FLAGS) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/core/%.folder.o: $(BUILD)/folders/extension/core/%.cpp Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(CXX) $(CORE_FLAGS) $(FOLDER_FLAGS) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@

COMPILE_PG = $(CXX) $(PG_FLAGS) $(FOLDER_FLAGS) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/pg/%.o: extension/pg/%.cpp Makefile $(SERVER) $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE_PG)
$(BUILD)/obj/%.folder.o: $(BUILD)/folders/extension/%.cpp Makefile $(SERVER) $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE_PG)

# What reads the command line is CLI11's templates, of which optimising takes a third of the frontend's time.
COMPILE_FRONTEND = $(CXX) $(STRICT) $(HARDEN) $(if $(findstring /cli,$@),-Og,-O1) $(FRONTEND_INCLUDES)
$(BUILD)/obj/frontend/%.o: frontend/%.cpp Makefile extension/pg_principal.control $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE_FRONTEND) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/frontend/%.folder.o: $(BUILD)/folders/frontend/%.cpp Makefile extension/pg_principal.control $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE_FRONTEND) $(FOLDER_FLAGS) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/pg_principal: $(BUILD)/obj/frontend/main.o $(FRONTEND_OBJS) $(CORE_OBJS)
	$(CXX) $(EXTRA_FLAGS) $^ $(FRONTEND_LIBS) -o $@

sql/pg_principal--$(EXTVERSION).sql: $(sort $(wildcard sql/modules/*.sql)) extension/pg_principal.control
	cat $(filter %.sql,$^) > $@

# From each earlier version straight to this one: what its tables lack, step by step and by hand, then
# every module that may run twice.
$(UPGRADES): sql/pg_principal--%--$(EXTVERSION).sql: $(UPGRADE_STEPS) $(sort $(wildcard sql/modules/*.sql)) extension/pg_principal.control
	sed 's/CREATE EXTENSION pg_principal/ALTER EXTENSION pg_principal UPDATE/' sql/modules/00_header.sql > $@
	cat sql/modules/02_schema.sql $$(ls sql/upgrade/*.sql | sort -V | sed -n '/\/$*--/,$$p') \
		$(filter-out %/00_header.sql %/02_schema.sql %_tables.sql,$(filter sql/modules/%,$^)) >> $@

extension: $(MODULE_big).so $(DATA_built) # needs no yaml-cpp, CLI11, nlohmann/json, cpp-httplib
ifneq ($(FRONTEND),no)
all: $(BUILD)/pg_principal
endif
debug: # unoptimised; plain `make` goes back. `make DEBUG=1 test ONLY=regress KEEP=1` tests it
	$(MAKE) DEBUG=1 all
# The command goes where PATH finds it, which the server's own bindir is not. Debugging is for what is in build:
# STRIP=: installs it whole.
COMMAND_DIR ?= $(if $(filter command,$(firstword $(origin prefix))),$(prefix),/usr/local)/bin
# `serve` looks for the console's files beside the folder of the command.
CONSOLE_DIR = $(patsubst %/,%,$(dir $(patsubst %/,%,$(COMMAND_DIR))))/share/pg_principal/console
INSTALL_STRIP_FLAG = $(if $(filter-out : true,$(STRIP)),-s --strip-program='$(STRIP)')
ifneq ($(FRONTEND),no)
install: install-frontend
endif
install-frontend: $(BUILD)/pg_principal
	mkdir -p '$(DESTDIR)$(COMMAND_DIR)'
	install -m 755 $(INSTALL_STRIP_FLAG) $< '$(DESTDIR)$(COMMAND_DIR)/pg_principal'
	mkdir -p '$(DESTDIR)$(CONSOLE_DIR)'
	install -m 644 frontend/console/*.html frontend/console/*.js frontend/console/*.css frontend/console/*.svg '$(DESTDIR)$(CONSOLE_DIR)/'
uninstall: uninstall-frontend
uninstall-frontend:
	rm -f '$(DESTDIR)$(COMMAND_DIR)/pg_principal'
	rm -rf '$(DESTDIR)$(CONSOLE_DIR)'

include tests/harness/fuzz.mk
include tests/harness/unit.mk
include tests/harness/http.mk
include extension/pgjwt/pgjwt.mk
include extension/pam/pam.mk
include extension/libpq/libpq.mk
include tests/harness/sanitize.mk

# The libraries know their versions, too.
VERSIONED := $(foreach one,functions/installation.o functions.folder.o module.o,$(addsuffix /pg/$(one),$(BUILD)/obj $(SANITIZED))) \
	$(BUILD)/obj/pg.folder.o
$(VERSIONED): PG_FLAGS += -DPG_PRINCIPAL_VERSION='"$(EXTVERSION)"'
$(VERSIONED): extension/pg_principal.control
VERSIONED_PGJWT := $(addsuffix /pgjwt/module.o,$(BUILD)/obj $(SANITIZED))
$(VERSIONED_PGJWT): PG_FLAGS += -DPG_PRINCIPAL_PGJWT_VERSION='"$(PGJWT_VERSION)"'
$(VERSIONED_PGJWT): extension/pg_principal_pgjwt.control
-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/unit/*/*.d $(BUILD)/unit/*/*/*.d $(BUILD)/unit/*/*/*/*.d)

# These install missing packages, build, and use a private server: nothing else is touched.
# tests/harness/environment.sh takes the rest of the caller's environment away.
$(HARNESS): export LC_ALL := C.UTF-8
run test bench lint fuzz:
	@bash tests/harness/packages.sh $@
	@bash $(if $(filter run,$@),tests/demo,tests/harness)/$@.sh
torture:
	@bash tests/harness/packages.sh torture
	@ONLY=$@ bash tests/harness/test.sh
# On other releases of Debian, each in a root of its own below build/matrix; RUN=fresh: on fresh machines of many shapes,
# RUN=containers: the images of `make containers`.
matrix:
	@bash tests/harness/matrix.sh
deb: # Debian packages for this release's servers, in build/deb
	@bash packaging/deb.sh
containers: # images of the server and of PostgreSQL, from what `make deb` left
	@bash packaging/containers.sh
dist: # what PGXN takes, in build
	@bash packaging/dist.sh

.DEFAULT_GOAL := all
.PHONY: all extension debug install install-frontend uninstall uninstall-frontend clean installcheck-folders $(HARNESS)

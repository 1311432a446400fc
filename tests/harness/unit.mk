# One program per tests/unit/*.cpp, so that a crash or a compile error costs only its own file.
UNIT := $(BUILD)/unit
# Unoptimised and with line numbers alone: compiling is most of the time that the unit tests take. By
# clang, which compiles what is sanitized in two thirds of gcc's time, and with the fuzz targets' objects.
UNIT_FLAGS := $(STRICT) -Wno-unknown-warning-option -O0 -g1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(FRONTEND_INCLUDES)
UNIT_TESTS := $(patsubst tests/unit/%.cpp,$(UNIT)/bin/%,$(wildcard $(patsubst %,tests/unit/%.cpp,$(or $(TESTS),*))))
# The core is sanitized always, the frontend with SANITIZED_FRONTEND=yes, as .ci/run does, and else as it is installed:
# a minute less of processor time.
UNIT_OBJS := $(CORE_FOLDERS:%=$(FUZZ)/obj/%.folder.o) \
	$(if $(SANITIZED_FRONTEND),$(FRONTEND_FOLDERS:%=$(UNIT)/%.folder.o),$(FRONTEND_OBJS))
UNIT_FRONTEND := $(UNIT)/frontend-$(if $(SANITIZED_FRONTEND),sanitized,installed)
$(UNIT_FRONTEND):
	@mkdir -p $(@D) && rm -f $(UNIT)/frontend-* && touch $@

unit: $(UNIT_TESTS)

$(UNIT)/%.o: %.cpp $(UNIT)/gtest.pch Makefile tests/harness/unit.mk
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(UNIT_FLAGS) -include-pch $(UNIT)/gtest.pch -MMD -MP -c $< -o $@

# Of one compiler and one GoogleTest.
$(UNIT)/gtest.pch: Makefile tests/harness/unit.mk $(shell command -v $(FUZZ_CXX))
	@mkdir -p $(@D)
	echo '#include <gtest/gtest.h>' >$(@:.pch=.hpp)
	$(FUZZ_CXX) $(UNIT_FLAGS) -Xclang -fno-pch-timestamp -MD -MP -MF $@.d -MT $@ -x c++-header $(@:.pch=.hpp) -o $@
-include $(wildcard $(UNIT)/gtest.pch.d)

$(UNIT)/%.folder.o: $(BUILD)/folders/%.cpp Makefile tests/harness/unit.mk
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(UNIT_FLAGS) $(FOLDER_FLAGS) -MMD -MP -c $< -o $@

$(UNIT)/libunit.a: $(UNIT_OBJS) $(UNIT_FRONTEND)
	@rm -f $@
	ar rcs $@ $(UNIT_OBJS)

$(UNIT)/bin/%: $(UNIT)/tests/unit/%.o $(UNIT)/libunit.a
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(FUZZ_LINKER) -fsanitize=address,undefined $(filter %.o,$^) $(filter %.a,$^) -lgtest_main -lgtest $(FRONTEND_LIBS) -o $@

# fault_injection_test has a crypto of its own, in which OpenSSL fails when told to: every function
# of libcrypto that the objects refer to.
CRYPTO_SRC := $(wildcard extension/core/crypto/*.cpp)
$(UNIT)/fault/openssl_calls.hpp: $(FUZZ)/obj/extension/core/crypto.folder.o
	@mkdir -p $(@D)
	{ nm -D --defined-only "$$($(FUZZ_CXX) -print-file-name=libcrypto.so)" | sed 's/@.*//'; nm -u $^; } | awk ' \
		NF == 3 { known[$$3] } $$1 == "U" && $$2 in known && !seen[$$2]++ { \
			printf "#define %s fault::call(%s, \"%s\")\n", $$2, $$2, $$2 }' >$@

$(UNIT)/fault/%.o: extension/core/crypto/%.cpp tests/unit/fault_injection.hpp $(UNIT)/fault/openssl_calls.hpp
	@mkdir -p $(@D)
	cat extension/core/crypto/*.?pp | sed -n '/^#include <openssl/p' | sort -u >$(@:.o=.hpp)
	$(FUZZ_CXX) $(UNIT_FLAGS) -include tests/unit/fault_injection.hpp -include $(@:.o=.hpp) \
		-include $(UNIT)/fault/openssl_calls.hpp -MMD -MP -c $< -o $@

$(UNIT)/bin/fault_injection_test: $(CRYPTO_SRC:extension/core/crypto/%.cpp=$(UNIT)/fault/%.o)

.PHONY: unit
.SECONDARY: $(UNIT_TESTS:$(UNIT)/bin/%=$(UNIT)/tests/unit/%.o)

# One program per tests/unit/*.cpp, so that a crash or a compile error costs only its own file.
UNIT := $(BUILD)/unit
UNIT_FLAGS := $(STRICT) -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(FRONTEND_INCLUDES)
UNIT_TESTS := $(patsubst tests/unit/%.cpp,$(UNIT)/bin/%,$(wildcard tests/unit/$(or $(TESTS),*).cpp))
UNIT_OBJS := $(patsubst %.cpp,$(UNIT)/%.o,$(CORE_SRC) $(filter-out frontend/main.cpp,$(FRONTEND_SRC)))

unit: $(UNIT_TESTS)

$(UNIT)/%.o: %.cpp Makefile tests/harness/unit.mk
	@mkdir -p $(@D)
	$(CXX) $(UNIT_FLAGS) -MMD -MP -c $< -o $@

$(UNIT)/libunit.a: $(UNIT_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(UNIT)/bin/%: $(UNIT)/tests/unit/%.o $(UNIT)/libunit.a
	@mkdir -p $(@D)
	$(CXX) -fsanitize=address,undefined $^ -lgtest_main -lgtest $(FRONTEND_LIBS) -o $@

.PHONY: unit
.SECONDARY: $(UNIT_TESTS:$(UNIT)/bin/%=$(UNIT)/tests/unit/%.o)

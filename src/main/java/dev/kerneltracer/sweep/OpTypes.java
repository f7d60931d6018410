package dev.kerneltracer.sweep;

import dev.kerneltracer.analysis.ModulePaths;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;

/// Which type an operator has, told by the module that calls it. The rules are lines of
/// `op_types.txt`, which also describes them.
public final class OpTypes {
  private static final String RESOURCE = "op_types.txt";

  private record Rule(OpType type, Pattern pattern) {}

  private final List<Rule> rules;

  private OpTypes(List<Rule> rules) {
    this.rules = List.copyOf(rules);
  }

  /// Our own rules.
  public static OpTypes load() {
    try (InputStream bytes =
        Objects.requireNonNull(OpTypes.class.getResourceAsStream(RESOURCE), RESOURCE)) {
      return parse(new String(bytes.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static OpTypes parse(String text) {
    List<Rule> rules = new ArrayList<>();
    for (String line : text.lines().toList()) {
      if (!line.isBlank() && !line.startsWith("#")) {
        int end = line.indexOf(' ');
        OpType type = OpType.valueOf(line.substring(0, end).toUpperCase(Locale.ROOT));
        rules.add(new Rule(type, Pattern.compile(line.substring(end).strip())));
      }
    }
    return new OpTypes(rules);
  }

  /// The type of operators of a module, given the modules around it.
  ///
  /// @param modules path and class of each, such as `model.norm RMSNorm`, the innermost first
  public OpType of(List<String> modules) {
    for (String module : modules) {
      for (Rule rule : rules) {
        if (rule.pattern.matcher(module).find()) {
          return rule.type;
        }
      }
    }
    return OpType.OTHERS;
  }

  /// The type of operators that a module of a trace calls.
  ///
  /// @param path -1 for none
  OpType of(ModulePaths paths, int path) {
    List<String> modules = new ArrayList<>();
    for (int at = path; at >= 0; at = paths.parent(at)) {
      modules.add(paths.name(at) + " " + paths.className(at));
    }
    return of(modules);
  }
}

package dev.kerneltracer.analysis;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// Which group a kernel belongs to, told by its name alone: attention, matmul, normalization, rope,
/// activation, elementwise, reduction, sampling, cache, moe, communication, copy, memset,
/// embedding, other, and whatever groups a user's rules add. The rules are lines of
/// `kernel_groups.txt`, which also describes them; the first that matches wins.
///
/// A lookup goes through the rules: callers ask once per distinct name.
public final class KernelGroups {
  static final String OTHER = "other";

  private static final String RESOURCE = "kernel_groups.txt";
  private static final Pattern GROUP = Pattern.compile("[A-Za-z][\\w.-]*");
  private static final Pattern LINE_END = Pattern.compile("\r?\n");

  /// @param line of its file, from 1
  record Rule(String group, Pattern pattern, int line) {}

  private final List<Rule> rules;

  private KernelGroups(List<Rule> rules) {
    this.rules = List.copyOf(rules);
  }

  /// Our own rules.
  public static KernelGroups load() {
    return new KernelGroups(ownRules());
  }

  /// A user's rules, and ours for what theirs do not match.
  ///
  /// @throws UserException where the file cannot be read or a line is no rule; it names file and
  ///   line
  public static KernelGroups load(Path userRules) {
    String text;
    try {
      text = Files.readString(userRules);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "cannot read " + userRules + ": " + AtomicFile.reason(e),
          null,
          e);
    }
    List<Rule> rules = new ArrayList<>(parse(text, userRules.toString()));
    rules.addAll(ownRules());
    return new KernelGroups(rules);
  }

  /// The group of a kernel, `other` where no rule matches its name.
  public String of(String kernel) {
    Rule rule = ruleFor(kernel);
    return rule == null ? OTHER : rule.group;
  }

  @Nullable Rule ruleFor(String kernel) {
    String name = KernelName.parse(kernel).text();
    for (Rule rule : rules) {
      if (rule.pattern.matcher(name).find()) {
        return rule;
      }
    }
    return null;
  }

  List<Rule> rules() {
    return rules;
  }

  private static List<Rule> ownRules() {
    try (InputStream bytes =
        Objects.requireNonNull(KernelGroups.class.getResourceAsStream(RESOURCE), RESOURCE)) {
      return parse(new String(bytes.readAllBytes(), StandardCharsets.UTF_8), RESOURCE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Rule> parse(String text, String file) {
    List<Rule> rules = new ArrayList<>();
    String[] lines = LINE_END.split(text, -1);
    for (int i = 0; i < lines.length; i++) {
      String line = lines[i].strip();
      if (!line.isEmpty() && line.charAt(0) != '#') {
        rules.add(rule(line, file, i + 1));
      }
    }
    return rules;
  }

  private static Rule rule(String line, String file, int number) {
    int end = 0;
    while (end < line.length() && !Character.isWhitespace(line.charAt(end))) {
      end++;
    }
    String group = line.substring(0, end);
    String regex = line.substring(end).strip();
    if (!GROUP.matcher(group).matches() || regex.isEmpty()) {
      throw badRule(file, number, "a rule is a group and a regex, as: attention  my_attn_kernel");
    }
    try {
      return new Rule(group, Pattern.compile(regex), number);
    } catch (PatternSyntaxException e) {
      throw badRule(file, number, e.getDescription() + " in the regex " + regex);
    }
  }

  private static UserException badRule(String file, int line, String what) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE, file + ", line " + line + ": " + what, null);
  }
}

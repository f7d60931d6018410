package dev.kerneltracer.analysis;

import java.util.ArrayList;
import java.util.List;

/// A kernel's name as the profiler demangled it, taken apart.
///
/// `void at::native::(anonymous namespace)::cat<float, 4>(float*)` is the function
/// `at::native::cat` with the template arguments `<float, 4>`. Return type, parameters and
/// anonymous namespaces are left out. A name without namespace, such as Triton's, is its own
/// function. One pass, whatever the name.
///
/// @param function qualified, without template arguments
/// @param templateArguments from the first `<` of the function's name to its end; empty where none
record KernelName(String function, String templateArguments) {
  private static final String ANONYMOUS = "(anonymous namespace)::";

  static KernelName parse(String kernel) {
    StringBuilder function = new StringBuilder();
    int argumentsStart = -1;
    int i = 0;
    while (i < kernel.length()) {
      char c = kernel.charAt(i);
      if (kernel.startsWith(ANONYMOUS, i)) {
        i += ANONYMOUS.length();
      } else if (c == '<' && !function.toString().endsWith("operator")) {
        argumentsStart = argumentsStart < 0 ? i : argumentsStart;
        i = afterAngles(kernel, i);
      } else if (c == '(') {
        break;
      } else if (c == ' ') {
        // What stood before was the return type.
        if (i + 1 < kernel.length() && kernel.charAt(i + 1) != '[') {
          function.setLength(0);
          argumentsStart = -1;
        }
        i++;
      } else if (c == '[') {
        break;
      } else {
        function.append(c);
        i++;
      }
    }
    String name = function.toString();
    if (name.endsWith(".kd")) {
      name = name.substring(0, name.length() - 3);
    }
    // Nothing but a return type: no function, as "Memset (Device)".
    return name.isEmpty()
        ? new KernelName(kernel, "")
        : new KernelName(name, argumentsStart < 0 ? "" : kernel.substring(argumentsStart, i));
  }

  /// The name without return type, parameters and anonymous namespaces.
  String text() {
    return function + templateArguments.replace(ANONYMOUS, "");
  }

  /// The qualified names within the template arguments, in order, without anonymous namespaces.
  List<String> argumentNames() {
    List<String> names = new ArrayList<>();
    StringBuilder name = new StringBuilder();
    int i = 0;
    while (i < templateArguments.length()) {
      char c = templateArguments.charAt(i);
      if (templateArguments.startsWith(ANONYMOUS, i)) {
        i += ANONYMOUS.length();
      } else {
        if (c == ':' || c == '_' || Character.isLetterOrDigit(c)) {
          name.append(c);
        } else {
          addName(names, name);
        }
        i++;
      }
    }
    addName(names, name);
    return names;
  }

  private static void addName(List<String> names, StringBuilder name) {
    if (!name.isEmpty() && !Character.isDigit(name.charAt(0))) {
      names.add(name.toString());
    }
    name.setLength(0);
  }

  /// The place after the `>` that closes the `<` at a place; the end where none does. Within
  /// parentheses a `>` that closes nothing compares, as in `enable_if<((8)>(0)), void>`, and so
  /// does a `<` after a `)`; `->` closes nothing.
  private static int afterAngles(String text, int start) {
    StringBuilder open = new StringBuilder();
    for (int i = start; i < text.length(); i++) {
      char c = text.charAt(i);
      int top = open.length() - 1;
      if (c == '(' || (c == '<' && (i == start || text.charAt(i - 1) != ')'))) {
        open.append(c);
      } else if (c == ')') {
        open.setLength(Math.max(open.lastIndexOf("("), 1));
      } else if (c == '>' && text.charAt(i - 1) != '-' && open.charAt(top) == '<') {
        open.setLength(top);
        if (top == 0) {
          return i + 1;
        }
      }
    }
    return text.length();
  }
}

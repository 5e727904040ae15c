"""MachineConfigTemplates come out as Go's text/template and sprig execute them, or are refused."""

from random import Random
from typing import Any

import pytest

from krmfn.guest import go_template
from krmfn.problems import Collector, Place
from tests.support import oracle

VALUES: dict[str, Any] = {
    "NodeClaim": {"Name": "node-1", "Namespace": "p-default", "Spec": {"ProviderRef": "edge"}},
    "Project": "default",
    "Properties": {
        "a": "b",
        "empty": "",
        "quoted": 'say "x" \\ \t \u00e9 \u200b',
        "lines": "one\n  two\n\nthree\n",
        "example.com/key": "5",
    },
    "SSHKeys": ["ssh-ed25519 A", "ssh-rsa B"],
    "None": [],
}
# Those of the Platform's documentation, and one at least for each rule.
TEMPLATES = [
    "hostname: {{ .Values.NodeClaim.Name }}\nkeys:\n{{- range .Values.SSHKeys }}\n  - {{ . }}\n{{- end }}\n",
    "{{ if .Values.SSHKeys }}users: [default]{{ end }}",
    "timezone: {{ .Values.Project | quote }}",
    'zone: {{ .Values.Properties.zone | default "UTC" }}',
    "{{ if .Values.None }}a{{ else }}b{{ end }}{{ if .Values.Properties.none }}a{{ else if true }}c{{ end }}",
    "{{ if .Values.Properties.empty }}a{{ else if .Values.Properties.a }}{{ .Values.Properties.a }}{{ else }}c{{ end }}",
    "{{ with .Values.Properties.a }}{{ . }}{{ $.Values.Project }}{{ else }}x{{ end }}",
    "{{ with .Values.Properties.none }}{{ . }}{{ else with .Values.Project }}{{ . }}{{ end }}",
    "{{ with $x := .Values.Project }}{{ $x }}{{ . }}{{ end }}",
    "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x }}{{ end }}{{ $x }}",
    "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}",
    "{{ range $i, $k := .Values.SSHKeys }}{{ $i }}:{{ $k }} {{ end }}",
    "{{ range $k := .Values.SSHKeys }}{{ $k }}{{ else }}none{{ end }}{{ range .Values.None }}x{{ else }}none{{ end }}",
    "{{ range $k, $v := .Values.Properties }}{{ $k }}={{ $v | quote }},{{ end }}",
    "{{ range .Values.SSHKeys }}{{ range $.Values.SSHKeys }}{{ . }}{{ end }};{{ end }}",
    "{{ range .Values.Properties.none }}x{{ else }}y{{ end }}",
    "a:\n{{ .Values.Properties.lines | indent 4 }}|{{ .Values.Properties.lines | nindent 2 }}",
    "{{ .Values.Properties.quoted | quote }}{{ .Values.Properties.lines | quote }}",
    '{{ quote .Values.Project "b" 5 }}{{ squote .Values.Project "b" }}{{ quote }}',
    "a  {{- 1 -}}  b {{- /* c */ -}} d {{/* e }} */}} f",
    "a {{-1}} {{ - 1 }}",
    '{{ "a}}b" }}{{ `c}}"\\d` }}{{ "\\t\\"\\u00e9\\x41\\101" }}',
    '{{ index .Values.Properties "example.com/key" }}{{ index .Values.SSHKeys 1 }}{{ index .Values "NodeClaim" "Name" }}',
    '{{ index .Values.SSHKeys 2 }}', "{{ index .Values.SSHKeys -1 }}",
    "{{ (index .Values.SSHKeys 0) }}{{ (.Values).Project }}{{ (.Values.NodeClaim).Spec.ProviderRef }}",
    "{{ .Values.Project.Name }}", "{{ range .Values.SSHKeys }}{{ .Values.Project }}{{ end }}",
    '{{ eq .Values.Project "default" }}{{ ne .Values.Project "x" }}{{ eq .Values.Project "a" "default" }}{{ eq 1 1 }}',
    "{{ eq .Values.Project 1 }}", "{{ eq .Values.SSHKeys .Values.SSHKeys }}", '{{ eq .Values.Properties.none "x" }}',
    "{{ eq .Values.Properties.none .Values.Properties.other }}", "{{ eq 1 }}", "{{ eq true false }}",
    '{{ lt "a" "b" }}{{ gt 2 1 }}{{ le 1 1 }}{{ ge "a" "b" }}', '{{ lt 1 "a" }}', "{{ lt true false }}",
    "{{ and .Values.Project 0 }}{{ or .Values.Properties.empty .Values.Project }}{{ not .Values.None }}",
    "{{ and true (eq 1 2) }}{{ or false (eq 1 1) }}{{ and false (index .Values.SSHKeys 9) }}{{ or 1 (index .Values.SSHKeys 9) }}",
    "{{ len .Values.Properties.quoted }}{{ len .Values.SSHKeys }}{{ len .Values.Properties }}",
    '{{ printf "%s-%v %d%% %q %v" .Values.Project true 5 .Values.Properties.quoted 7 }}',
    '{{ print "a" 1 2 "b" .Values.Project true false }}',
    '{{ .Values.SSHKeys | join "," }}{{ join "," .Values.None }}{{ list 1 "a" .Values.Project | join "-" }}',
    '{{ "  a " | trim }}{{ trimSuffix "lt" .Values.Project }}{{ trimPrefix "de" .Values.Project }}',
    '{{ upper .Values.Project }}{{ lower "ABC" }}{{ replace "d" "D" .Values.Project }}{{ b64enc .Values.Project }}',
    '{{ contains "ef" .Values.Project }}{{ hasPrefix "de" .Values.Project }}{{ hasSuffix "x" .Values.Project }}',
    '{{ ternary "a" "b" true }}{{ ternary "a" "b" (eq 1 2) }}{{ coalesce "" .Values.None .Values.Project }}',
    '{{ empty "" }}{{ empty .Values.SSHKeys }}{{ empty 0 }}{{ empty .Values.Properties.none }}{{ toString 5 }}',
    '{{ default "a" "" }}{{ default 1 0 }}{{ default "x" .Values.Project }}{{ "y" | default .Values.Project }}{{ default "z" false }}',
    '{{ .Values.Project | upper | quote | indent 2 }}', "{{ true }}{{ 5 }}{{ -3 }}", '{{ "a" "b" }}', '{{ "a" | "b" }}',
    "{{ $x }}", "{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "{{ if $x := 1 }}{{ $x }}{{ else }}{{ $x }}{{ end }}{{ $x }}",
    "{{ else }}", "{{ if 1 }}{{ else }}{{ else }}{{ end }}", "{{ with 1 }}{{ else if 1 }}{{ end }}", "{{ end }}", "{{ if }}{{ end }}",
    "{{ 08 }}", "{{ .Values.Project", "{{ }}", "{{ ) }}", "{{ (1 }}", "{{ nofunction 1 }}", "{{ upper }}", "{{ .Values.Project 1 }}",
    '{{ "a\nb" }}', '{{ "\\q" }}', "{{ `a\nb` }}", "{{ . Values }}", "{{ .Values .Project }}", "{{nil}}", "{{ $ = 1 }}",
]  # fmt: skip


def rendered(template: str) -> str | None:
    """What krmfn makes of a template, None if it refuses it."""
    problems = Collector()
    parsed = go_template.parse(template, Place(), problems)
    if parsed is None:
        return None
    return go_template.filled(parsed, VALUES, lambda text, at, problems: None, problems)


def compared(templates: list[str]) -> tuple[int, list[Any]]:
    """How many templates krmfn takes, and those of them that Go executes to something else."""
    asked = [{"template": template, "values": VALUES} for template in templates]
    taken, wrong = 0, []
    for template, answer in zip(templates, oracle("template", asked), strict=True):
        text = rendered(template)
        if text is not None:
            taken += 1
            if answer["error"] or answer["text"] != text:
                wrong.append((template, text, answer))
    return taken, wrong


# What Go takes, and krmfn refuses on purpose: the root is not a variable to set.
REFUSED = ("{{ $ = 1 }}",)


def test_templates_come_out_as_in_go() -> None:
    taken, wrong = compared(TEMPLATES)
    assert wrong == []
    assert taken >= 40


def test_what_go_executes_is_taken() -> None:
    asked = [{"template": template, "values": VALUES} for template in TEMPLATES]
    refused = [
        template
        for template, answer in zip(TEMPLATES, oracle("template", asked), strict=True)
        if not answer["error"] and rendered(template) is None and template not in REFUSED
    ]
    assert refused == []


class Writer:
    """Writes random templates."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def expression(self, depth: int = 0) -> str:
        """A value."""
        leaves = [
            ".Values.Project", ".Values.Properties.a", ".Values.Properties.empty", ".Values.Properties.none", "$.Values.Project",
            ".Values.SSHKeys", ".Values.None", '"text"', "`raw`", '""', "5", "0", "true", "false", "$x", ".", 'index .Values.Properties "a"',
        ]  # fmt: skip
        if depth > 2 or self.random.random() < 0.4:
            leaf = self.random.choice(leaves)
            return f"({leaf})" if leaf.startswith("index") else leaf
        one, two, three = (self.expression(depth + 1) for _ in range(3))
        forms = [
            f"({one} | default {two})", f"(and {one} {two})", f"(or {one} {two})", f"(not {one})", f"(eq {one} {two})", f"(quote {one})",
            f"({one} | upper)", f"(ternary {one} {two} (not {three}))", f"(coalesce {one} {two})", f"(empty {one})", f"(len {one})",
            f"(indent 2 {one})", f"(printf \"%v-%s\" {one} {two})", f"(print {one} {two})", f"(list {one} {two} | join \",\")", f"(lt {one} {two})",
            f"(contains {one} {two})", f"(trim {one})", f"(ne {one} {two} | toString)", f"(index {one} {two})",
        ]  # fmt: skip
        return self.random.choice(forms)

    def template(self, depth: int = 0) -> str:
        """A text with actions."""
        parts = []
        for _ in range(self.random.randint(1, 3)):
            left, right = self.random.choice(["{{ ", "{{- "]), self.random.choice([" }}", " -}}"])
            value = self.expression()
            kind = self.random.choice(["", "", "if", "with", "range", "$x =", "$x :="])
            if kind in ("if", "with", "range") and depth < 2:
                inner, other = self.template(depth + 1), self.template(depth + 1)
                chain = ["else", f"else {kind} {self.expression()}"][
                    kind != "range" and self.random.random() < 0.4
                ]
                parts.append(
                    f"{left}{kind} {value}{right} {inner} {left}{chain}{right} {other} {left}end{right}"
                )
            elif kind in ("if", "with", "range"):
                continue
            else:
                parts.append(f" \n{left}{kind} {value}{right} \n ")
        return "x".join(parts)


@pytest.mark.parametrize("seed", range(4))
def test_random_templates_come_out_as_in_go(seed: int) -> None:
    writer = Writer(seed)
    taken, wrong = compared(["{{ $x := 1 }}" + writer.template() for _ in range(1500)])
    assert wrong[:3] == []
    assert taken > 150

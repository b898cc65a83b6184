"""Prints docs/causes.md, made of the catalogue of causes."""

from __future__ import annotations

from greenroom.doctor.catalogue import AREAS, WHO, causes

HEAD = """# Causes

Every cause that Greenroom tells apart, by its code. A code is the same in `greenroom doctor`, in `GET /v1/findings`, on
the dashboard's page Problems, in the events `finding.opened` and `finding.closed`, and in the metric
`greenroom_findings{code}`.

A cause is found in traffic that really happened, in the configuration, or by a call that changes nothing. A finding has
proof: observed facts, without secrets. It ends by itself when a later call goes well or the configuration is corrected.

| severity | means |
| --- | --- |
| error | somebody's work is stopped now |
| warning | it will be, or is degraded |
| notice | a person is waited for, or nothing is wrong |

This page is made of `src/greenroom/doctor/causes.toml`."""


def main() -> None:
    """Prints the page: an anchor for each code."""
    print(HEAD)
    for area, title in AREAS.items():
        print(f"\n## {title}")
        for cause in causes().values():
            if cause.area != area:
                continue
            named = cause.named()
            print(f'\n<a id="{cause.code}"></a>\n\n### `{cause.code}`')
            print(f"\n**{named.title}.** {cause.severity.capitalize()}.")
            print(f"\n{named.about}\n\n**Next step**, for {WHO[cause.who]}: {named.next_step}")


if __name__ == "__main__":
    main()

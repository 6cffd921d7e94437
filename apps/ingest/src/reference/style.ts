/** The style of the reference page. It follows the light or dark scheme of the reader's system. */
export const referenceStyle = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
* { box-sizing: border-box; }
body { margin: 0; display: grid; grid-template-columns: minmax(14rem, 20rem) minmax(0, 1fr); font: 15px/1.55 system-ui, sans-serif; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem; border-right: 1px solid var(--line); }
nav h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; margin: 1.2rem 0 .3rem; }
nav ul { list-style: none; margin: 0; padding: 0; font-size: .85rem; overflow-wrap: anywhere; }
nav li { padding: .15rem 0; }
main { padding: 1.5rem 2.5rem 6rem; max-width: 60rem; }
main h2 { margin-top: 3rem; text-transform: capitalize; }
article { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem 1rem; }
i, small, .key { opacity: .75; font-style: normal; font-size: .85em; }
a { color: inherit; text-underline-offset: .2em; }
@media (max-width: 50rem) {
  body { display: block; overflow-wrap: anywhere; }
  nav { position: static; height: auto; max-height: 40vh; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem; }
}
`

import { escapeHtml } from '../http/reply.ts'

/** One emulator as the page shows it. */
export interface ShownEmulator {
  readonly name: string
  readonly title: string
  /** What stands for which real host. */
  readonly origins: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  /** Who can sign in, or log in. */
  readonly people: readonly string[]
}

const style = `:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--text:#16181d;--soft:#5a6070;--line:#d9dce3;--accent:#2b59c3}
@media (prefers-color-scheme:dark){:root{--bg:#111318;--card:#1b1e25;--text:#eceef3;--soft:#a3a9b8;--line:#343945;--accent:#8fb0ff}}
*{box-sizing:border-box}
body{margin:0;padding:2rem 1rem;background:var(--bg);color:var(--text);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:68rem;margin:0 auto;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
header{grid-column:1/-1}
h1{margin:0;font-size:1.5rem}
h2{margin:0 0 .5rem;font-size:1.125rem}
p{margin:.25rem 0 .75rem;color:var(--soft)}
section{padding:1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;min-width:0}
dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code,pre{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
pre{margin:0;overflow-x:auto}
a{color:var(--accent)}`

/** The page that lists the emulators. Nothing on it is secret: they are made up. */
export function addressPage(emulators: readonly ShownEmulator[], origin: string): string {
  const names = emulators.map(({ name }) => name)
  const program = `const emulated = await (await fetch('${origin}/providers.json')).json()
const auth = latchkey({
  providers: [${names
    .filter((name) => name !== 'nadeo')
    .map((name) => `${name}(emulated.${name})`)
    .join(', ')}],
})`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emulated providers</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<h1>Emulated providers</h1>
<p>They accept any client and any redirect URI, and forget everything when they end.</p>
</header>
${emulators.map(section).join('\n')}
<section>
<h2>In your app</h2>
<p>The addresses change with every start; <a href="/providers.json">providers.json</a> has them as options of the presets.</p>
<pre tabindex="0"><code>${escapeHtml(program)}</code></pre>
</section>
</main>
</body>
</html>
`
}

function section({ name, title, origins, environment, people }: ShownEmulator): string {
  const hosts = Object.entries(origins).map(
    ([real, local]) =>
      `<dt>${escapeHtml(new URL(real).host)}</dt><dd><a href="${escapeHtml(local)}">${escapeHtml(local)}</a></dd>`,
  )
  const variables = Object.entries(environment).map(
    ([variable, value]) =>
      `<dt><code>${escapeHtml(variable)}</code></dt><dd><code>${escapeHtml(value)}</code></dd>`,
  )
  return `<section id="${escapeHtml(name)}">
<h2>${escapeHtml(title)}</h2>
<p>${escapeHtml(people.join(', '))}</p>
<dl>${[...hosts, ...variables].join('')}</dl>
</section>`
}

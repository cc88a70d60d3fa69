import { escapeHtml } from '../http/reply.ts'
import type { Overview } from './overview.ts'

/** The page that shows every running emulator. Works without scripts. */
export function overviewPage(overviews: readonly Overview[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Emulated providers</title>
<style>${STYLE}</style></head>
<body>
<header><h1>Emulated providers</h1>
<p>They run on this machine until the command ends, take every client id, secret and redirect URI, and keep nothing.
Give an app the variables and the preset of a provider, and it signs in here.</p></header>
<main>${overviews.map(card).join('\n')}</main>
</body></html>`
}

function card({ id, brand, origins, environment, preset, people, endpoints }: Overview): string {
  const colours = `--background:${brand.background};--panel:${brand.panel};--ink:${brand.ink};--accent:${brand.accent}`
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return `<section id="${id}" style="${colours}">
<h2>${escapeHtml(brand.name)} <small>provider id <code>${id}</code></small></h2>
<h3>Addresses</h3>${table(Object.entries(origins).map(([real, here]) => [code(real), link(here, here)]))}
<h3>Environment</h3><pre>${escapeHtml(variables.join('\n'))}</pre>
<h3>Preset</h3><pre>${escapeHtml(preset)}</pre>
<h3>People</h3><ul>${people.map((one) => `<li>${escapeHtml(one)}</li>`).join('')}</ul>
<h3>Endpoints</h3>${table(Object.entries(endpoints).map(([name, url]) => [escapeHtml(name), link(url, new URL(url).pathname)]))}
</section>`
}

function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
  return `<table>${cells.join('')}</table>`
}

function link(url: string, text: string): string {
  return `<a href="${escapeHtml(url)}">${escapeHtml(text)}</a>`
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`
}

const STYLE = `body{margin:0;padding:2rem max(1rem,calc(50vw - 44rem));background:#f4f4f5;color:#18181b;font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.8rem;margin:0}header p{max-width:44rem;margin:.3rem 0 1.5rem}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(34rem,100%),1fr));gap:1.25rem;align-items:start}
section{box-sizing:border-box;min-width:0;padding:1.5rem;border-radius:1rem;background:var(--panel);color:var(--ink);color-scheme:dark}
h2{font-size:1.25rem;margin:0;color:var(--accent)}h2 small{font-weight:400;font-size:.875rem;color:var(--ink);opacity:.8}
h3{font-size:.875rem;margin:1rem 0 .2rem;opacity:.8}
pre{margin:0;padding:.7rem;border-radius:.6rem;background:var(--background);overflow:auto;max-height:17rem}
pre,code{font:13px/1.5 ui-monospace,monospace}
table{border-spacing:0;width:100%;font-size:.875rem}td{padding:.1rem .6rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}td:last-child{width:45%}
ul{margin:0;padding-left:1.2rem;font-size:.875rem;overflow-wrap:anywhere}
a{color:var(--accent)}a:focus-visible{outline:3px solid var(--ink);outline-offset:2px}`

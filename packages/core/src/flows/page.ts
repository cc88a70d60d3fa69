import { createHash } from 'node:crypto'
import { escapeHtml } from './html.ts'
import type { Reply } from './http.ts'
import { pageStyle } from './page-style.ts'
import { privateHeaders } from './replies.ts'

/** A page of ours: fixed text, no script, nothing from the request but links that were checked. */
export interface Page {
  readonly status: number
  /** Text of title and heading. */
  readonly title: string
  /** One paragraph of text. */
  readonly text: string
  /** HTML below the paragraph. */
  readonly actions: string
  /** Where the browser goes by itself. */
  readonly leadsTo?: string
}

const styleHash = createHash('sha256').update(pageStyle).digest('base64')
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${styleHash}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const pageHeaders: Readonly<Record<string, string>> = {
  ...privateHeaders,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
}

/** The page as an answer. It may be framed by nobody, and loads nothing. */
export function pageReply({ status, title, text, actions, leadsTo }: Page): Reply {
  const heading = escapeHtml(title)
  const refresh =
    leadsTo === undefined ? '' : `\n<meta http-equiv="refresh" content="0; url=${escapeHtml(leadsTo)}">`
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<title>${heading}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>${heading}</h1>
<p>${escapeHtml(text)}</p>
${actions}
</main>
</body>
</html>
`
  return { status, headers: pageHeaders, setCookies: [], body }
}

/** The one thing to do next. */
export function primaryLink(href: string, label: string): string {
  return `<a class="primary" href="${escapeHtml(href)}">${escapeHtml(label)}</a>`
}

/** What else there is to do. */
export function secondaryLink(href: string, label: string): string {
  return `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`
}

/** The one thing to do next, where it changes something: a form of our own page proves where it comes from. */
export function primaryButton(action: string, label: string): string {
  return (
    `<form method="post" action="${escapeHtml(action)}">` +
    `<button class="primary">${escapeHtml(label)}</button></form>`
  )
}

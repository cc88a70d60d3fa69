import type { BaseUrl } from '../session/base-url.ts'
import { loginLink } from './addresses.ts'
import { escapeHtml } from './html.ts'
import type { FlowSettings } from './settings.ts'

/**
 * "Sign in with …" links, one per listed provider, as safe HTML without script and style; for style there are the
 * classes `latchkey-buttons`, `latchkey-button` and `latchkey-button-<provider id>`.
 * @param returnTo a path that is safe already; absent: the configured `afterLogin`
 */
export function buttons(settings: FlowSettings, baseUrl: BaseUrl, returnTo: string | undefined): string {
  const items = settings.providers.listed.map(({ provider: { id, name, icon } }) => {
    const link = escapeHtml(loginLink(settings, baseUrl, { providerId: id, returnTo }))
    const label = `<span>Sign in with ${escapeHtml(name)}</span>`
    const classes = `latchkey-button latchkey-button-${escapeHtml(id)}`
    return `<li><a class="${classes}" href="${link}" rel="nofollow">${iconOf(icon ?? key)}${label}</a></li>`
  })
  return `<ul class="latchkey-buttons" role="list">${items.join('')}</ul>`
}

/** For providers without an icon, so that all labels begin at one place. */
const key =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">' +
  '<circle cx="8" cy="12" r="4"/><path d="M12 12h9M18 12v3"/></svg>'

/** A decoration beside the text: of one size whatever the SVG says, and silent to a screen reader. */
function iconOf(svg: string): string {
  const bare = svg.replace(/^\s*<svg\b[^>]*>/, (tag) =>
    tag.replace(/\s(width|height|aria-hidden|focusable)="[^"]*"/g, ''),
  )
  return bare.replace(/^\s*<svg\b/, '<svg width="20" height="20" aria-hidden="true" focusable="false"')
}

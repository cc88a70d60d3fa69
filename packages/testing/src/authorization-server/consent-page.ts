import { escapeHtml } from '../http/reply.ts'
import type { EmulatedUser } from './client.ts'

/** Name and colours of an emulated provider. */
export interface Brand {
  readonly name: string
  readonly background: string
  readonly panel: string
  readonly ink: string
  readonly accent: string
}

/** What the consent page shows. */
export interface ConsentView {
  readonly brand: Brand
  readonly clientId: string
  readonly scope: readonly string[]
  readonly users: readonly EmulatedUser[]
  /** Where the form is sent. */
  readonly action: string
  /** Reference to the pending authorization request. */
  readonly reference: string
}

/** The page on which a person chooses who signs in, or cancels. A plain form: it works without scripts. */
export function consentPage(view: ConsentView): string {
  const { brand } = view
  const scope =
    view.scope.length === 0
      ? '<p>It asks for your name only.</p>'
      : `<p>It asks for:</p><ul>${view.scope.map((one) => `<li>${escapeHtml(one)}</li>`).join('')}</ul>`
  const buttons = view.users
    .map((user) => `<button name="user" value="${escapeHtml(user.id)}">${escapeHtml(user.name)}</button>`)
    .join('\n')
  return `<!doctype html>
<html lang="en" data-consent-page>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in with ${escapeHtml(brand.name)}</title>
<style>${styleOf(brand)}</style></head>
<body><main>
<p class="brand">${escapeHtml(brand.name)} <small>emulated</small></p>
<h1>Who signs in?</h1>
<p>The application with the client id <strong>${escapeHtml(view.clientId)}</strong> wants to use your account.</p>
${scope}
<form method="post" action="${escapeHtml(view.action)}">
<input type="hidden" name="request" value="${escapeHtml(view.reference)}">
${buttons}
<button class="cancel" name="deny" value="1">Cancel</button>
</form>
</main></body></html>`
}

/** The page on which a person types the code that a device shows. */
export function userCodePage(view: {
  readonly brand: Brand
  readonly action: string
  readonly refused?: boolean
}): string {
  const { brand, refused = false } = view
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Connect a device to ${escapeHtml(brand.name)}</title>
<style>${styleOf(brand)}</style></head>
<body><main>
<p class="brand">${escapeHtml(brand.name)} <small>emulated</small></p>
<h1>Connect a device</h1>
${refused ? '<p>No device waits with this code.</p>' : ''}
<form method="get" action="${escapeHtml(view.action)}">
<label>Code that the device shows <input name="user_code" autocomplete="off" required></label>
<button>Continue</button>
</form>
</main></body></html>`
}

/** The page of `response_mode=form_post`: a script sends it at once, a button does without scripts. */
export function formPostPage(redirectUri: string, params: URLSearchParams): string {
  const inputs = [...params].map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Continue</title></head>
<body><form method="post" action="${escapeHtml(redirectUri)}">${inputs.join('')}<button>Continue</button></form>
<script>document.forms[0].submit()</script></body></html>`
}

function styleOf(brand: Brand): string {
  return `body{margin:0;min-height:100vh;display:grid;place-items:center;background:${brand.background};color:${brand.ink};font:16px/1.5 system-ui,sans-serif}
main{box-sizing:border-box;width:min(26rem,92vw);padding:2rem;border-radius:1rem;background:${brand.panel}}
.brand{margin:0;font-weight:700;font-size:1.25rem;color:${brand.accent}}.brand small{font-weight:400;opacity:.7}
h1{font-size:1.4rem;margin:.5rem 0}ul{padding-left:1.2rem;overflow-wrap:anywhere}
button{display:block;width:100%;margin:.5rem 0;padding:.7rem;border:2px solid ${brand.accent};border-radius:2rem;background:${brand.accent};color:${brand.panel};font:inherit;font-weight:700;cursor:pointer}
button.cancel{background:transparent;color:${brand.ink};border-color:currentColor}
button:focus-visible{outline:3px solid ${brand.ink};outline-offset:2px}`
}

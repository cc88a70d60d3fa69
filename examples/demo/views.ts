import type { User } from '@latchkey/express'
import type { DemoProvider, Row } from './providers.ts'

/** What a click on "Call the API" brought. */
export interface CallResult {
  readonly calls: number
  readonly good: number
  /** Absent at the real provider, where nobody counts. */
  readonly tokenRequests?: number
}

/** Everything that the page of a signed-in user shows. */
export interface AccountView {
  readonly user: User
  readonly provider: DemoProvider
  readonly rows: readonly Row[]
  readonly status: { readonly expiresAt?: number; readonly refreshCount: number }
  readonly lastCall: CallResult | undefined
}

const program = `app.use(auth)

app.get('/tracks', auth.requireLogin(),
  async (req, res) => {
    const reply = await req.oauth.fetch(url)
    res.json(await reply.json())
  })`

/** The page of a visitor who is not signed in. `buttons` is safe HTML. */
export function welcomePage(buttons: string, providers: readonly DemoProvider[]): string {
  const emulated = providers.filter(({ emulator }) => emulator !== undefined)
  const [first] = emulated
  const note = first?.emulator
    ? `<p class="note">${names(emulated)} ${emulated.length > 1 ? 'are' : 'is'} emulated on this machine, with access
        tokens that live ${first.emulator.tokenSeconds} seconds. Sign in as ${escapeHtml(list(first.emulator.users))}, or say no.</p>`
    : ''
  return page(
    'Sign in',
    `<div class="welcome">
    <section>
      <h1>Sign in once.<br>The token stays fresh.</h1>
      <p class="lead">Choose a provider. This server then calls its API for you,
        and refreshes the access token whenever it runs out.</p>
      <nav class="sign-in" aria-label="Sign in">${buttons}</nav>
      ${note}
    </section>
    <aside class="card" aria-label="The program behind this page">
      <pre tabindex="0"><code>${escapeHtml(program)}</code></pre>
    </aside>
    </div>`,
  )
}

/** The page of a signed-in user: who, what the API says, and how the token is doing. */
export function accountPage({ user, provider, rows, status, lastCall }: AccountView): string {
  const name = user.name ?? user.id
  return page(
    name,
    `<div class="account">
      <section class="card" aria-labelledby="name">
        <div class="who">
          ${avatar(user, name)}
          <div>
            <h1 id="name">${escapeHtml(name)}</h1>
            <p>Signed in with ${escapeHtml(provider.preset.name)}</p>
          </div>
          <form method="post" action="/logout"><button class="quiet">Sign out</button></form>
        </div>
        <h2>Access token</h2>
        <div data-part="token">${token(provider, status)}</div>
        <div class="actions">
          <form method="post" action="/call" data-in-place><button>Call the API</button></form>
          <form method="post" action="/call-50" data-in-place><button>Call it 50 times at once</button></form>
        </div>
        <div data-part="result" class="result" role="status">${result(provider, lastCall)}</div>
      </section>
      <section class="card" aria-labelledby="data">
        <h2 id="data">${escapeHtml(provider.heading)}</h2>
        <div data-part="rows">${table(rows)}</div>
        <p class="note">Fetched with <code>req.oauth.fetch</code> when this page was made.</p>
      </section>
    </div>`,
  )
}

function avatar(user: User, name: string): string {
  if (user.picture?.startsWith('https:'))
    return `<img class="avatar" src="${escapeHtml(user.picture)}" alt="">`
  const initials = name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0))
    .join('')
  return `<span class="avatar" aria-hidden="true">${escapeHtml(initials.toUpperCase())}</span>`
}

function token(provider: DemoProvider, { expiresAt, refreshCount }: AccountView['status']): string {
  const refreshed = `<p>Refreshed <strong data-refreshed>${refreshCount}</strong> ${refreshCount === 1 ? 'time' : 'times'}
    since you signed in.</p>`
  if (expiresAt === undefined)
    return `<p>${escapeHtml(provider.preset.name)} does not say when it ends.</p>${refreshed}`
  const left = Math.max(0, Math.round(expiresAt - Date.now() / 1000))
  const whole = provider.emulator?.tokenSeconds ?? Math.max(left, 3600)
  return `<progress max="${whole}" value="${left}" aria-label="Time left"></progress>
    <p data-expires-at="${expiresAt}"><strong>${left} s</strong> left when this page was made</p>${refreshed}`
}

function result(provider: DemoProvider, lastCall: CallResult | undefined): string {
  if (lastCall === undefined) {
    return '<p>Wait until the token has run out, then call: nothing fails, and it is refreshed once.</p>'
  }
  const { calls, good, tokenRequests } = lastCall
  const answers =
    calls === 1 ? `The answer was ${good ? 'good' : 'bad'}.` : `${good} of ${calls} answers were good.`
  const requests = tokenRequests === 1 ? '1 token request' : `${tokenRequests || 'no'} token requests`
  const seen =
    tokenRequests === undefined
      ? ''
      : ` ${escapeHtml(provider.preset.name)} saw <strong>${requests}</strong>.`
  return `<p data-result>${answers}${seen}</p>`
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return '<p>Nothing to show.</p>'
  const items = rows.map(
    ({ title, detail }) =>
      `<li><strong>${escapeHtml(title)}</strong> <span>${escapeHtml(detail)}</span></li>`,
  )
  return `<ol class="rows">${items.join('')}</ol>`
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>${escapeHtml(title)} · Latchkey demo</title>
  <link rel="icon" href="/key.svg">
  <link rel="stylesheet" href="/style.css">
  <script src="/comfort.js" defer></script>
</head>
<body>
  <header><a href="/"><img src="/key.svg" alt="" width="28" height="28"> Latchkey demo</a></header>
  <main>${content}</main>
</body>
</html>`
}

function names(providers: readonly DemoProvider[]): string {
  return escapeHtml(
    list(
      providers.map(({ preset }) => preset.name),
      'and',
    ),
  )
}

function list(words: readonly string[], conjunction = 'or'): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

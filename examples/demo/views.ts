import type { User } from '@latchkey/express'
import type { JobLine } from './nightly-job.ts'
import type { DemoProvider, Row } from './providers.ts'

/** What a click on "Call the API" brought. */
export interface CallResult {
  readonly calls: number
  readonly good: number
  /** The number of the process that made the calls. */
  readonly by: number
  /** Absent at the real provider, where nobody counts. */
  readonly tokenRequests?: number
}

/** What a call in the app's own name brought. */
export type AppCall = Pick<CallResult, 'calls' | 'good' | 'by'>

/** Who made a page, and where everything is kept. */
export interface Place {
  /** Of the process, from 1. */
  readonly number: number
  readonly processes: number
  readonly store: 'Redis' | 'memory'
  readonly framework: 'express' | 'fastify'
}

/** One account of the user. */
export interface AccountView {
  readonly provider: DemoProvider
  readonly rows: readonly Row[]
  readonly status: { readonly expiresAt?: number; readonly refreshCount: number }
  /** What the call with one more scope brought; `missing`: the scope has not been granted. */
  readonly more?: 'missing' | readonly Row[]
}

/** Everything that the page of a signed-in user shows. */
export interface UserView {
  readonly user: User
  readonly accounts: readonly AccountView[]
  /** Providers that the user has no account of here. */
  readonly addable: readonly DemoProvider[]
  /** Those of them that the user had an account of: its authorization has ended. */
  readonly ended: readonly DemoProvider[]
  readonly lastCall: CallResult | undefined
  readonly lastJob: readonly JobLine[] | undefined
  readonly lastAppCall: AppCall | undefined
  readonly place: Place
}

const programs = {
  express: `app.use(auth)

app.get('/tracks', auth.requireLogin(),
  async (req, res) => {
    const reply = await req.oauth.fetch(url)
    res.json(await reply.json())
  })`,
  fastify: `await app.register(auth)

app.get('/tracks',
  { onRequest: auth.requireLogin() },
  async (request) => {
    const reply = await request.oauth.fetch(url)
    return reply.json()
  })`,
} as const

/** The page of a visitor who is not signed in. `buttons` is safe HTML. */
export function welcomePage(view: {
  readonly buttons: string
  readonly providers: readonly DemoProvider[]
  /** How many users the app knows from earlier. */
  readonly knownUsers: number
  readonly lastJob: readonly JobLine[] | undefined
  readonly lastAppCall: AppCall | undefined
  readonly place: Place
}): string {
  const { buttons, providers, knownUsers, lastJob, lastAppCall, place } = view
  const emulated = providers.filter(({ emulator }) => emulator !== undefined)
  const [first] = emulated
  const note = first?.emulator
    ? `<p class="note">${names(emulated)} ${emulated.length > 1 ? 'are' : 'is'} emulated on this machine, with access
        tokens that live ${first.emulator.tokenSeconds} seconds. Sign in as ${escapeHtml(list(first.emulator.users))}, or say no.</p>`
    : ''
  return page(
    'Sign in',
    place,
    `<div class="welcome">
    <section>
      <h1>Sign in once.<br>The token stays fresh.</h1>
      <p class="lead">Choose a provider. This server then calls its API for you,
        and refreshes the access token whenever it runs out.</p>
      <nav class="sign-in" aria-label="Sign in">${buttons}</nav>
      ${note}
      ${place.processes === 1 ? '' : sharing(place)}
      ${knownUsers === 0 ? '' : `<div class="card"><h2>While nobody is signed in</h2>${job(lastJob)}</div>`}
      <div class="card"><h2>In the app's own name</h2>${appCall(lastAppCall, place)}</div>
    </section>
    <aside class="card" aria-label="The program behind this page">
      <pre tabindex="0"><code>${escapeHtml(programs[place.framework])}</code></pre>
    </aside>
    </div>`,
  )
}

/** The page of a signed-in user: who, what the APIs say, and how the token is doing. */
export function accountPage(view: UserView): string {
  const { user, accounts, addable, ended, lastCall, lastJob, lastAppCall, place } = view
  const name = user.name ?? user.id
  const main = accounts.find(({ provider }) => provider.preset.id === user.provider) ?? accounts[0]
  const { name: signedInWith } = (main?.provider ?? ended[0])?.preset ?? { name: user.provider }
  return page(
    name,
    place,
    `<div class="account">
      <section class="card" aria-labelledby="name">
        <div class="who">
          ${avatar(user, name)}
          <div>
            <h1 id="name">${escapeHtml(name)}</h1>
            <p>Signed in with ${escapeHtml(signedInWith)}</p>
          </div>
          ${actions([button('/logout', 'Sign out', 'quiet'), button('/everywhere', 'Sign out everywhere', 'quiet')])}
        </div>
        ${main === undefined ? '' : tokenPanel(main, lastCall, place)}
        <h2>Accounts</h2>
        <ul class="rows">${accounts.map((account) => accountLine(account, main)).join('')}</ul>
        ${ended.length === 0 ? '' : endedNote(ended)}
        ${actions([
          ...addable.map(addButton),
          ...(accounts.some(({ more }) => more === 'missing')
            ? [button('/played', 'Show what I played last')]
            : []),
        ])}
        <h2>Without a session</h2>
        ${job(lastJob)}
        <h2>In the app's own name</h2>
        ${appCall(lastAppCall, place)}
      </section>
      <div class="column">${accounts.map(dataCard).join('')}</div>
    </div>`,
  )
}

function tokenPanel(
  { provider, status }: AccountView,
  lastCall: CallResult | undefined,
  place: Place,
): string {
  return `<h2>Access token</h2>
        <div data-part="token">${token(provider, status)}</div>
        <div class="actions">
          <form method="post" action="/call" data-in-place><button>Call the API</button></form>
          <form method="post" action="/call-50" data-in-place><button>Call it 50 times at once</button></form>
        </div>
        <div data-part="result" class="result" role="status">${result(provider, lastCall, place)}</div>`
}

function accountLine({ provider, status }: AccountView, main: AccountView | undefined): string {
  const { id, name } = provider.preset
  const isMain = provider === main?.provider
  const count = status.refreshCount === 1 ? '1 time' : `${status.refreshCount} times`
  const detail = isMain ? 'the one you signed in with' : `refreshed ${count}`
  const disconnect = isMain ? '' : button(`/accounts/${id}/disconnect`, `Disconnect ${name}`, 'quiet')
  return `<li class="with-action"><strong>${escapeHtml(name)}</strong> <span>${detail}</span>${disconnect}</li>`
}

function endedNote(providers: readonly DemoProvider[]): string {
  const emulated = providers.some(({ emulator }) => emulator !== undefined)
  const why = emulated ? ' An emulated provider forgets all authorizations when the demo ends.' : ''
  return `<p class="note" data-ended>The authorization of ${names(providers)} has ended: add the account anew.${why}</p>`
}

function addButton({ preset: { id, name } }: DemoProvider): string {
  return button(`/accounts/${id}`, `Add ${name}`)
}

function dataCard({ provider, rows, more }: AccountView): string {
  const { id } = provider.preset
  const played =
    more === undefined || more === 'missing' || provider.more === undefined
      ? ''
      : `<h2>${escapeHtml(provider.more.heading)}</h2>${table(more)}`
  return `<section class="card" aria-labelledby="data-${id}">
        <h2 id="data-${id}">${escapeHtml(provider.heading)}</h2>
        <div data-part="rows-${id}">${table(rows)}</div>
        ${played}
        <p class="note">Fetched with <code>oauth.fetch</code> of the request when this page was made.</p>
      </section>`
}

/** What the nightly job did, and the button that runs it now. */
function job(lines: readonly JobLine[] | undefined): string {
  const userIds = [...new Set(lines?.map(({ userId }) => userId))]
  const done = userIds.map((id) => {
    const own = lines?.filter(({ userId }) => userId === id) ?? []
    const details = own.map(({ provider, entries }) =>
      escapeHtml(
        `${provider}: ${entries === undefined ? 'has to be allowed anew' : entries === 1 ? '1 entry' : `${entries} entries`}`,
      ),
    )
    return `<li><strong>${escapeHtml(id)}</strong> <span>${details.join(' · ')}</span></li>`
  })
  const report =
    lines === undefined
      ? '<p>The nightly job calls the APIs of every user, signed in or not.</p>'
      : `<p data-job>${done.length === 0 ? 'The nightly job found nobody.' : 'The nightly job was there for:'}</p>
        <ul class="rows">${done.join('')}</ul>`
  return `${report}<div class="actions">${button('/nightly-job', 'Run the nightly job now')}</div>`
}

/** What came of calling Nadeo, and the button that does it. */
function appCall(last: AppCall | undefined, { processes }: Place): string {
  const by = last === undefined || processes === 1 ? '' : ` Process ${last.by} made the calls.`
  const report =
    last === undefined
      ? '<p>Nadeo signs nobody in: the app has a token of its own there, one for all.</p>'
      : `<p data-app-call>${last.good} of ${last.calls} answers of Nadeo were good.${by}</p>`
  return `${report}<div class="actions">${button('/nadeo', 'Call Nadeo 10 times at once', 'quiet')}</div>`
}

function actions(buttons: readonly string[]): string {
  return buttons.length === 0 ? '' : `<div class="actions">${buttons.join('')}</div>`
}

function button(action: string, label: string, look = ''): string {
  const style = look === '' ? '' : ` class="${look}"`
  return `<form method="post" action="${escapeHtml(action)}"><button${style}>${escapeHtml(label)}</button></form>`
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

function result(provider: DemoProvider, lastCall: CallResult | undefined, { processes }: Place): string {
  if (lastCall === undefined) {
    return '<p>Wait until the token has run out, then call: nothing fails, and it is refreshed once.</p>'
  }
  const { calls, good, by, tokenRequests } = lastCall
  const answers =
    calls === 1 ? `The answer was ${good ? 'good' : 'bad'}.` : `${good} of ${calls} answers were good.`
  const requests = tokenRequests === 1 ? '1 token request' : `${tokenRequests || 'no'} token requests`
  const seen =
    tokenRequests === undefined
      ? ''
      : ` ${escapeHtml(provider.preset.name)} saw <strong>${requests}</strong>.`
  const caller = processes === 1 ? '' : ` Process ${by} made ${calls === 1 ? 'the call' : 'the calls'}.`
  return `<p data-result>${answers}${seen}${caller}</p>`
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return '<p>Nothing to show.</p>'
  const items = rows.map(
    ({ title, detail }) =>
      `<li><strong>${escapeHtml(title)}</strong> <span>${escapeHtml(detail)}</span></li>`,
  )
  return `<ol class="rows">${items.join('')}</ol>`
}

/** Says who answered. With several processes it changes from page to page, and nothing else does. */
function answeredBy({ number, processes, store }: Place): string {
  return `Answered by process <strong>${number}</strong> of ${processes} · store: ${store}`
}

function sharing({ processes, store }: Place): string {
  return `<p class="note">${processes} processes answer in turn, as the line at the top shows. They share one ${store}, so
        it does not matter which of them you meet.</p>`
}

function page(title: string, place: Place, content: string): string {
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
  <header><a href="/"><img src="/key.svg" alt="" width="28" height="28"> Latchkey demo</a>
    <p class="place" data-part="place">${answeredBy(place)}</p></header>
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

import { type Account, LatchkeyError } from '@latchkey/core'
import type { ApiAccess } from '@latchkey/express'
import {
  type DemoProvider,
  demoBitfount,
  demoExbo,
  demoNadeo,
  demoSpotify,
  demoTrackmania,
} from './providers.ts'
import { appSettings } from './settings.ts'
import { demoStore } from './store.ts'
import type { AccountView, AppCall, CallResult } from './views.ts'

// What both servers of the demo have in common.

export const settings = appSettings()
export const spotify = demoSpotify(settings.emulated)
const exbo = demoExbo(settings.emulated)
const trackmania = demoTrackmania(settings.emulated)
const bitfount = demoBitfount(settings.emulated)
export const providers = [spotify, exbo, trackmania, bitfount] as const
const nadeo = configured(() => demoNadeo(settings.emulated))
/** All that the app is a client of: those that sign users in, and Nadeo, which it calls in its own name. */
export const presets = [
  spotify.preset,
  exbo.preset,
  trackmania.preset,
  bitfount.preset,
  nadeo.preset,
] as const
export const { store, users, name: storeName, close: closeStore } = demoStore(settings)

/** Content Security Policy and the like, for every answer. */
export const safetyHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const

/** What the page shows of somebody's accounts, and which can be added; `ended` are those to add anew. */
export async function viewOfAccounts(mine: readonly Account[]): Promise<{
  readonly accounts: readonly AccountView[]
  readonly addable: readonly DemoProvider[]
  readonly ended: readonly DemoProvider[]
}> {
  const views = await Promise.all(mine.map(viewOf))
  const accounts = views.filter((view) => view !== undefined)
  const addable = providers.filter(({ preset }) =>
    accounts.every(({ provider }) => provider.preset.id !== preset.id),
  )
  const ended = addable.filter(({ preset }) => mine.some(({ provider }) => provider === preset.id))
  return { accounts, addable, ended }
}

/** `undefined` when the account's authorization has ended. */
async function viewOf(account: Account): Promise<AccountView | undefined> {
  return liveView(account).catch((error: unknown) => {
    if (LatchkeyError.is(error) && error.code === 'login_required') return undefined
    throw error
  })
}

/** Live data, and how the token is doing. */
async function liveView(account: Account): Promise<AccountView> {
  const provider = providerOf(account.provider)
  const reply = await account.fetch(provider.url)
  const rows = reply.ok ? provider.rows(await reply.json()) : []
  const status = await account.status()
  const { more } = provider
  const view = { provider, rows, status }
  if (more === undefined) return view
  if ((await account.missingScopes(more.scope)).length > 0) return { ...view, more: 'missing' }
  const played = await account.fetch(more.url)
  return { ...view, more: played.ok ? more.rows(await played.json()) : [] }
}

/** Calls the API of who is signed in, so often at once. */
export async function callApi(
  { provider: id, fetch }: { readonly provider: string; readonly fetch: typeof globalThis.fetch },
  calls: number,
): Promise<CallResult> {
  const { url, emulator } = providerOf(id)
  const tokenRequestsBefore = (await emulator?.tokenRequests()) ?? 0
  const replies = await Promise.all(Array.from({ length: calls }, () => fetch(url)))
  await Promise.all(replies.map((reply) => reply.text()))
  return {
    calls,
    good: replies.filter((reply) => reply.ok).length,
    by: settings.number,
    ...(emulator && { tokenRequests: (await emulator.tokenRequests()) - tokenRequestsBefore }),
  }
}

/** Calls Nadeo in the app's own name, so often at once; nobody has to be signed in. */
export async function callNadeo({ fetch }: Pick<ApiAccess, 'fetch'>, calls: number): Promise<AppCall> {
  const replies = await Promise.all(Array.from({ length: calls }, () => fetch(nadeo.url)))
  await Promise.all(replies.map((reply) => reply.text()))
  return { calls, good: replies.filter((reply) => reply.ok).length, by: settings.number }
}

/** What `make` returns. A mistake in the configuration ends the program with advice instead of a stack. */
export function configured<Value>(make: () => Value): Value {
  try {
    return make()
  } catch (error) {
    if (!LatchkeyError.is(error) || error.code !== 'invalid_options') throw error
    console.error(error.message)
    process.exit(1)
  }
}

function providerOf(id: string): (typeof providers)[number] {
  const provider = providers.find(({ preset }) => preset.id === id)
  if (provider === undefined) throw new Error(`The demo has no provider ${id}.`)
  return provider
}

import { createHash } from 'node:crypto'
import type { Latchkey, RequestOAuth } from '@latchkey/express'
import { ownerHeader } from './owner-header.ts'

/** A request as the routes of the app see it, whatever framework brings it. */
export interface Visit {
  readonly oauth: RequestOAuth
  /** The app's own data, without what the session library keeps beside them. */
  readonly data: Readonly<Record<string, unknown>>
  put(name: string, value: string): void
  readonly params: Readonly<Record<string, string | undefined>>
  header(name: string): string | undefined
  /** Called when the visitor has left, or the answer is over. */
  onLeave(run: () => void): void
}

/** What a route answers; `undefined`: `visit.oauth` does. */
export type AppAnswer =
  | { readonly status?: number; readonly json: unknown }
  | { readonly status: number; readonly text: string }

/** A route of the app. */
export interface AppRoute {
  readonly method: 'GET' | 'POST' | 'ALL'
  /** With `:name` for parameters. */
  readonly path: string
  /** Only for who is signed in. */
  readonly isGuarded?: boolean
  readonly answer: (visit: Visit) => AppAnswer | undefined | Promise<AppAnswer | undefined>
}

/** What the routes use of Latchkey itself. */
export type AppAuth = Pick<Latchkey<'example' | 'other'>, 'user' | 'endSessions' | 'application'>

/**
 * What members of the app do: `/data` is their `req.session`, `/put/:name/:value` changes it; `/accounts` are their
 * accounts and `/vault/:provider` the digest of the access token that the vault gives out for one; `/link` and
 * `/disconnect` are about the account at `other`. `/end/...` is an operator's, `/application/...` a job's.
 */
export function appRoutes(auth: AppAuth, resourceUrl: string): readonly AppRoute[] {
  return [
    ...visitorRoutes(resourceUrl),
    ...memberRoutes(resourceUrl),
    ...accountRoutes(),
    ...operatorRoutes(auth, resourceUrl),
  ]
}

function visitorRoutes(resourceUrl: string): readonly AppRoute[] {
  const whoami: AppRoute['answer'] = ({ oauth }) => ({
    json: { isAuthenticated: oauth.isAuthenticated, user: oauth.user?.id ?? null },
  })
  return [
    // It never looks at who asks.
    { method: 'GET', path: '/plain', answer: () => ({ json: { plain: true } }) },
    { method: 'GET', path: '/', answer: whoami },
    { method: 'GET', path: '/whoami', answer: whoami },
    // `x-abort: leave`: the call ends with its visitor.
    {
      method: 'GET',
      path: '/me',
      isGuarded: true,
      async answer(visit) {
        const aborter = new AbortController()
        if (visit.header('x-abort') === 'leave') visit.onLeave(() => aborter.abort())
        const reply = await visit.oauth.fetch(resourceUrl, { signal: aborter.signal })
        return { status: reply.status, json: { user: visit.oauth.user?.id, answer: await reply.text() } }
      },
    },
    // The call goes on although its handler has thrown.
    {
      method: 'GET',
      path: '/throws',
      isGuarded: true,
      answer({ oauth }) {
        void oauth.fetch(resourceUrl).catch(() => {})
        throw new Error('The handler broke.')
      },
    },
  ]
}

function memberRoutes(resourceUrl: string): readonly AppRoute[] {
  return [
    // Which access token the vault gives out, without giving it out.
    {
      method: 'GET',
      path: '/vault',
      isGuarded: true,
      answer: async ({ oauth }) => digestOf(await oauth.accessToken()),
    },
    {
      method: 'GET',
      path: '/vault/:provider',
      isGuarded: true,
      answer: async ({ oauth, params }) =>
        digestOf(await oauth.account(String(params.provider)).accessToken()),
    },
    // A slow request: it is answered, and its session saved, when the API has answered.
    {
      method: 'GET',
      path: '/put/:name/:value',
      async answer(visit) {
        visit.put(String(visit.params.name), String(visit.params.value))
        const { oauth } = visit
        const reply = oauth.isAuthenticated ? await oauth.fetch(resourceUrl) : undefined
        await reply?.arrayBuffer()
        return { json: { isAuthenticated: oauth.isAuthenticated } }
      },
    },
    { method: 'GET', path: '/data', answer: ({ data }) => ({ json: data }) },
    // Says whose request it is, so that the API can hold the token against it.
    {
      method: 'GET',
      path: '/owned',
      isGuarded: true,
      async answer({ oauth, header }) {
        const headers = { [ownerHeader]: String(header('x-visitor')) }
        const reply = await oauth.fetch(resourceUrl, { headers })
        return { status: reply.status, text: await reply.text() }
      },
    },
  ]
}

function accountRoutes(): readonly AppRoute[] {
  const accounts = ({ oauth }: Visit): AppAnswer => ({ json: oauth.accounts.map(({ provider }) => provider) })
  return [
    { method: 'GET', path: '/accounts', answer: accounts },
    {
      method: 'ALL',
      path: '/link',
      async answer({ oauth }) {
        await oauth.login({ provider: 'other', link: true, returnTo: '/accounts' })
        return undefined
      },
    },
    {
      method: 'POST',
      path: '/disconnect',
      async answer(visit) {
        await visit.oauth.account('other').disconnect()
        return accounts(visit)
      },
    },
    {
      method: 'POST',
      path: '/everywhere',
      async answer({ oauth }) {
        await oauth.logout({ everywhere: true, returnTo: '/accounts' })
        return undefined
      },
    },
  ]
}

function operatorRoutes(auth: AppAuth, resourceUrl: string): readonly AppRoute[] {
  const asApplication: AppRoute['answer'] = async ({ params: { scope, audience } }) => {
    const options = { scope: [String(scope)], ...(audience !== undefined && { audience }) }
    const reply = await auth.application('example', options).fetch(resourceUrl)
    return { status: reply.status, text: await reply.text() }
  }
  return [
    {
      method: 'POST',
      path: '/end/user/:id',
      async answer({ params }) {
        await (await auth.user(String(params.id)))?.logout()
        return { json: {} }
      },
    },
    {
      method: 'POST',
      path: '/end/account/:id',
      answer: async ({ params }) => ({
        json: { count: await auth.endSessions({ provider: 'example', id: String(params.id) }) },
      }),
    },
    { method: 'GET', path: '/application/:scope', answer: asApplication },
    { method: 'GET', path: '/application/:scope/:audience', answer: asApplication },
  ]
}

function digestOf({ value }: { readonly value: string }): AppAnswer {
  return { json: { digest: createHash('sha256').update(value).digest('hex') } }
}

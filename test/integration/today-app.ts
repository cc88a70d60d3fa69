import { createHash, randomBytes } from 'node:crypto'
import type { TestClock } from '@latchkey/testing'
import { RedisStore } from 'connect-redis'
import type { Express, Request, Response } from 'express'
import session, { type SessionData } from 'express-session'
import { Redis } from 'ioredis'
import type { AppSettings } from './app-messages.ts'

interface TokenAnswer {
  readonly access_token: string
  readonly refresh_token?: string
  readonly expires_in: number
}

interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: number
}

/** What such an app keeps in its session. */
interface Kept extends SessionData {
  state?: string
  user?: string
  tokens?: Partial<Record<'example' | 'other', Tokens>>
  data?: Record<string, string>
}

type Provider = NonNullable<AppSettings['other']> | AppSettings['provider']

/**
 * The same app as people write it today: express-session over connect-redis, the tokens in the session, a refresh by
 * hand before the call. It has the routes that the races of sessions use.
 */
export async function startTodayApp(
  app: Express,
  settings: AppSettings,
  clock: TestClock,
): Promise<{ close(): Promise<void> }> {
  if (settings.store.kind !== 'single') throw new Error('This app keeps its sessions in one Redis.')
  const redis = new Redis({ host: '127.0.0.1', port: settings.store.port })
  const secret = [...settings.secrets]
  const store = new RedisStore({ client: nodeRedisLike(redis) })
  app.use(session({ store, secret, resave: false, saveUninitialized: false, cookie: { httpOnly: true } }))
  new TodayApp(settings, clock).addRoutes(app)
  return { close: async () => void (await redis.quit()) }
}

class TodayApp {
  readonly #settings: AppSettings
  readonly #clock: TestClock

  constructor(settings: AppSettings, clock: TestClock) {
    this.#settings = settings
    this.#clock = clock
  }

  addRoutes(app: Express): void {
    app.get('/login/example', (req, res) => this.#login(req, res, 'example'))
    app.all('/link', (req, res) => this.#login(req, res, 'other'))
    app.get('/callback/:provider', (req, res) => this.#callback(req, res))
    app.get('/me', (req, res) => this.#call(req, res))
    app.get('/vault/:provider', async (req, res) => {
      const tokens = await this.#fresh(req, req.params.provider === 'other' ? 'other' : 'example')
      if (tokens === undefined) return void res.sendStatus(401)
      res.json({ digest: createHash('sha256').update(tokens.accessToken).digest('hex') })
    })
    app.get('/whoami', (req, res) => void res.json({ user: kept(req).user ?? null }))
    app.get('/accounts', (req, res) => void res.json(Object.keys(kept(req).tokens ?? {})))
    app.get('/data', (req, res) => void res.json(kept(req).data ?? {}))
    app.get('/put/:name/:value', async (req, res) => {
      const { name, value } = req.params
      kept(req).data = { ...kept(req).data, [String(name)]: String(value) }
      await this.#call(req, res)
    })
    app.post('/logout', (req, res) => {
      req.session.destroy(() => res.clearCookie('connect.sid').redirect(303, '/whoami'))
    })
    app.post('/disconnect', (req, res) => {
      delete kept(req).tokens?.other
      res.json(Object.keys(kept(req).tokens ?? {}))
    })
  }

  #login(req: Request, res: Response, id: 'example' | 'other'): void {
    const provider = this.#provider(id)
    const state = randomBytes(16).toString('base64url')
    kept(req).state = state
    const url = new URL(String(provider.authorizationEndpoint))
    url.search = String(
      new URLSearchParams({
        response_type: 'code',
        client_id: String(provider.clientId),
        redirect_uri: this.#redirectUri(provider),
        scope: 'read',
        state,
      }),
    )
    res.redirect(302, url.href)
  }

  async #callback(req: Request, res: Response): Promise<void> {
    const provider = this.#provider(req.params.provider)
    if (req.query.state !== kept(req).state) return void res.sendStatus(400)
    const tokens = await this.#token(provider, {
      grant_type: 'authorization_code',
      code: String(req.query.code),
      redirect_uri: this.#redirectUri(provider),
    })
    if (tokens === undefined) return void res.sendStatus(503)
    if (provider.id === 'other') {
      kept(req).tokens = { ...kept(req).tokens, other: tokens }
      return res.redirect(303, '/accounts')
    }
    const reply = await fetch(String(this.#settings.provider.userinfo), {
      headers: { authorization: `Bearer ${tokens.accessToken}` },
    })
    const { sub } = (await reply.json()) as { readonly sub: string } // of the emulated server
    await new Promise<void>((resolve) => req.session.regenerate(() => resolve()))
    kept(req).user = sub
    kept(req).tokens = { example: tokens }
    res.redirect(303, '/whoami')
  }

  async #call(req: Request, res: Response): Promise<void> {
    const tokens = await this.#fresh(req, 'example')
    if (tokens === undefined) return void res.sendStatus(401)
    const reply = await fetch(this.#settings.resourceUrl, {
      headers: { authorization: `Bearer ${tokens.accessToken}` },
    })
    res.status(reply.status).send(await reply.text())
  }

  async #fresh(req: Request, id: 'example' | 'other'): Promise<Tokens | undefined> {
    const tokens = kept(req).tokens?.[id]
    if (tokens === undefined || tokens.expiresAt > this.#clock.now() + 5) return tokens
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refreshToken }
    const fresh = await this.#token(this.#provider(id), form)
    if (fresh !== undefined) kept(req).tokens = { ...kept(req).tokens, [id]: fresh }
    return fresh
  }

  async #token(provider: Provider, form: Record<string, string>): Promise<Tokens | undefined> {
    const basic = Buffer.from(`${provider.clientId}:${provider.clientSecret}`).toString('base64')
    const reply = await fetch(String(provider.tokenEndpoint), {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams(form),
    })
    const answer = (await reply.json()) as TokenAnswer // of the emulated server
    if (!reply.ok) return undefined
    const { access_token: accessToken, refresh_token: refreshToken = '', expires_in: lifetime } = answer
    return { accessToken, refreshToken, expiresAt: this.#clock.now() + lifetime }
  }

  #provider(id: unknown): Provider {
    const { provider, other } = this.#settings
    return id === 'other' && other !== undefined ? other : provider
  }

  #redirectUri({ id }: Provider): string {
    return `${this.#settings.baseUrl}/callback/${id}`
  }
}

function kept(req: Request): Kept {
  return req.session as unknown as Kept // what this app puts there
}

/** The commands of node-redis that connect-redis sends, over ioredis. */
function nodeRedisLike(redis: Redis): ConstructorParameters<typeof RedisStore>[0]['client'] {
  const client = {
    get: (key: string) => redis.get(key),
    set: (key: string, value: string, { expiration }: { readonly expiration: { readonly value: number } }) =>
      redis.set(key, value, 'EX', expiration.value),
    expire: (key: string, seconds: number) => redis.expire(key, seconds),
    del: (keys: readonly string[]) => redis.del(...keys),
  }
  return client as unknown as ConstructorParameters<typeof RedisStore>[0]['client'] // it asks for no more
}

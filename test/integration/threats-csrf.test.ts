import { CookieJar, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { events, type Harness, isFastify, startHarness, startServers } from './harness.fixture.ts'
import { whoami } from './login-steps.fixture.ts'
import { rawRequest, valuesOf } from './raw-http.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'

const ours = 'https://app.shop.example'
const trusted = 'https://admin.shop.example'
const sibling = 'https://blog.shop.example'
const parent = 'https://shop.example'

/** An app whose sub-domain has brothers and sisters, and one of its visitors. */
interface Sibling {
  readonly harness: Harness
  readonly probe: StoreProbe
  readonly browser: UserAgent
  /** Methods of the guarded requests that reached the app's handler. */
  readonly done: readonly string[]
  /** The `Cookie` header of each request that reached the app. */
  readonly cookies: readonly (string | undefined)[]
}

async function startSibling(): Promise<Sibling> {
  const servers = await startServers({ server: { autoApprove: 'user-ada' } })
  const probe = probedStore(servers.clock)
  const [done, cookies]: [string[], (string | undefined)[]] = [[], []]
  const harness = await startHarness({
    servers,
    options: { baseUrl: ours, trustedOrigins: [trusted], store: probe.store },
    before: (app) => {
      app.use((req, _res, next) => {
        cookies.push(req.headers.cookie)
        next()
      })
    },
    routes: (app, auth) => {
      app.all('/change', auth.requireLogin(), (req, res) => {
        done.push(req.method)
        res.send('done')
      })
    },
  })
  servers.as.registerRedirectUri(`${ours}/callback/example`)
  const { clock } = servers
  const origins = { [ours]: harness.origin }
  const browser = new UserAgent({ clock, origins }, new CookieJar(() => clock.now()))
  await browser.get(`${ours}/login/example`)
  expect(await whoami(browser, ours)).toBe('user-ada')
  return { harness, probe, browser, done, cookies }
}

const sites = [undefined, 'same-origin', 'same-site', 'cross-site', 'none', ''] as const
const origins = [undefined, ours, trusted, sibling, parent, 'null', 'https://evil.example'] as const
const bodies: Readonly<Record<string, string>> = {
  'application/x-www-form-urlencoded': 'amount=1',
  'application/json': '{"amount":1}',
  'text/plain': '{"amount":1,"=":""}',
  'multipart/form-data; boundary=x':
    '--x\r\nContent-Disposition: form-data; name="amount"\r\n\r\n1\r\n--x--\r\n',
}

interface Attempt {
  readonly lines: readonly string[]
  readonly body: string
  /** Why it is refused; absent: it proves where it comes from. */
  readonly reason?: string
}

/** Every header with every other, and what must become of it. */
const attempts: readonly Attempt[] = sites.flatMap((site) =>
  origins.flatMap((origin) =>
    Object.entries(bodies).map(([type, body]) => {
      const told = [
        ...(site === undefined ? [] : [`Sec-Fetch-Site: ${site}`]),
        ...(origin === undefined ? [] : [`Origin: ${origin}`]),
      ]
      const lines = [...told, `Content-Type: ${type}`, 'Accept: application/json']
      const proved = site === undefined ? origin === ours || origin === trusted : site === 'same-origin'
      if (proved) return { lines, body }
      const unsaid = origin === undefined ? 'no_evidence' : 'origin'
      return { lines, body, reason: site === undefined ? unsaid : 'fetch_site' }
    }),
  ),
)

function cookieLine(browser: UserAgent): string {
  return `Cookie: ${browser.cookies.header(new URL(ours), { method: 'POST', sameSite: true })}`
}

describe('case 35: sibling-sub-domain CSRF', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', ...(isFastify ? [] : ['PROPFIND'])])(
    'case 35: %s to a guarded route runs only with proof of same origin, whatever else is said',
    async (method) => {
      const { harness, browser, done } = await startSibling()
      const cookie = cookieLine(browser)
      const refusals: (string | undefined)[] = []
      let allowed = 0
      for (const { lines, body, reason } of attempts) {
        const target = '/change'
        const answer = await rawRequest(harness.origin, { method, target, lines: [cookie, ...lines], body })
        expect([...lines, answer.status]).toEqual([...lines, reason === undefined ? 200 : 403])
        expect(valuesOf(answer, 'set-cookie')).toEqual([])
        if (reason === undefined) allowed += 1
        else refusals.push(reason)
      }
      expect(done).toEqual(Array.from({ length: allowed }, () => method))
      expect(events(harness, 'csrf.rejected').map(({ level, fields }) => [level, fields.reason])).toEqual(
        refusals.map((reason) => ['warn', reason]),
      )
      expect([allowed, refusals.length]).toEqual([36, 132])
      expect(await whoami(browser, ours)).toBe('user-ada')
    },
  )

  it('case 35: a sign-out happens only with proof of same origin, and a refused one costs nothing', async () => {
    const { harness, probe, browser } = await startSibling()
    let ended = 0
    for (const { lines, body, reason } of attempts) {
      const request = { method: 'POST', target: '/logout', lines: [cookieLine(browser), ...lines], body }
      probe.newCommands()
      const answer = await rawRequest(harness.origin, request)
      if (reason !== undefined) {
        expect([...lines, answer.status]).toEqual([...lines, 403])
        expect([probe.newCommands(), valuesOf(answer, 'set-cookie')]).toEqual([[], []])
        continue
      }
      expect([...lines, answer.status]).toEqual([...lines, 200])
      expect(await whoami(browser, ours)).toBeNull()
      ended += 1
      await browser.get(`${ours}/login/example`)
    }
    expect(await whoami(browser, ours)).toBe('user-ada')
    expect([ended, events(harness, 'csrf.rejected').length]).toEqual([36, 132])
  })

  const old = { 'sec-fetch-site': undefined, 'sec-fetch-mode': undefined, 'sec-fetch-dest': undefined }

  it.each([
    ['that says so', {}, 'fetch_site'],
    ['without Sec-Fetch headers', old, 'origin'],
    ['that says nothing at all', { ...old, origin: undefined }, 'no_evidence'],
  ])(
    'case 35: a form on a sister’s page, in a browser %s, comes with the cookie and does nothing',
    async (_name, headers, reason) => {
      const { harness, browser, done, cookies } = await startSibling()
      for (const from of [`${sibling}/page`, `${parent}/`, 'https://a.b.shop.example/']) {
        for (const path of ['/change', '/logout']) {
          const seen = cookies.length
          const page = await browser.post(`${ours}${path}`, { amount: '1' }, { from, headers })
          expect([page.status, page.setCookies]).toEqual([403, []])
          // SameSite keeps cookies from other sites, not from other hosts of the same one.
          const sent = cookies.slice(seen).map((cookie) => cookie?.includes('__Host-latchkey='))
          expect(sent).toEqual([true])
        }
      }
      expect([done, await whoami(browser, ours)]).toEqual([[], 'user-ada'])
      const reasons = events(harness, 'csrf.rejected').map(({ fields }) => fields.reason)
      expect(new Set(reasons)).toEqual(new Set([reason]))
    },
  )

  it('case 35: the same form on our own page works, and reading needs no proof', async () => {
    const { browser, done } = await startSibling()
    const own = await browser.post(`${ours}/change`, { amount: '1' }, { from: `${ours}/page` })
    const link = await browser.get(`${ours}/change`, { from: `${sibling}/page` })
    expect([own.status, link.status, done]).toEqual([200, 200, ['POST', 'GET']])
  })
})

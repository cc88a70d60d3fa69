import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startAuthorizationServer } from './authorization-server/server.ts'
import { UserAgent } from './user-agent.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

/** A server that remembers requests, and its port. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server that redirects `/to?<status>&<url>` and shows every other request as JSON. */
function mirror(): Promise<number> {
  return serve((request, response) => {
    const [, status, location] = /^\/to\?(\d+)&(.*)$/.exec(request.url ?? '') ?? []
    if (location !== undefined) return void response.writeHead(Number(status), { location }).end()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      response.setHeader('set-cookie', ['seen=1; Path=/', 'strict=1; Path=/; SameSite=Strict'])
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
    })
  })
}

describe('UserAgent', () => {
  it('navigates like a browser: Sec-Fetch headers by where the page came from', async () => {
    const port = await mirror()
    const agent = new UserAgent()
    const site = async (url: string, from?: string): Promise<unknown> => {
      const page = await agent.get(url, from === undefined ? {} : { from })
      return JSON.parse(page.text).headers['sec-fetch-site']
    }
    expect(await site(`http://127.0.0.1:${port}/`)).toBe('none')
    expect(await site(`http://127.0.0.1:${port}/`, `http://127.0.0.1:${port}/x`)).toBe('same-origin')
    expect(await site(`http://127.0.0.1:${port}/`, 'http://127.0.0.1:1/')).toBe('same-site')
    expect(await site(`http://127.0.0.1:${port}/`, 'http://localhost/')).toBe('cross-site')
    expect(await site(`http://www.app.test:${port}/`, 'http://evil.test/')).toBeUndefined()
    const page = JSON.parse((await agent.get(`http://127.0.0.1:${port}/`)).text)
    expect(page.headers).toMatchObject({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })
  })

  it('sends no Lax or Strict cookie and Origin with a cross-site POST', async () => {
    const port = await mirror()
    const agent = new UserAgent()
    const url = `http://127.0.0.1:${port}/`
    await agent.get(url)
    const own = JSON.parse((await agent.post(url, { a: 'b c' })).text)
    expect(own).toMatchObject({
      body: 'a=b+c',
      headers: { cookie: 'seen=1; strict=1', origin: `http://127.0.0.1:${port}` },
    })
    const cross = JSON.parse((await agent.post(url, {}, { from: 'http://evil.test/' })).text)
    expect(cross.headers).toMatchObject({ origin: 'http://evil.test', 'sec-fetch-site': 'cross-site' })
    expect(cross.headers.cookie).toBeUndefined()
    const link = JSON.parse((await agent.get(url, { from: 'http://evil.test/' })).text)
    expect(link.headers.cookie).toBe('seen=1')
  })

  it('follows redirects across hosts, keeps the farthest site relation, turns a POST into a GET', async () => {
    const port = await mirror()
    const agent = new UserAgent()
    const home = `http://127.0.0.1:${port}`
    const away = `http://localhost:${port}/to?302&${home}/end`
    const page = await agent.get(`${home}/to?302&${away}`, { from: `${home}/` })
    expect(page.url).toBe(`${home}/end`)
    expect(page.history.map((hop) => hop.status)).toEqual([302, 302])
    expect(JSON.parse(page.text).headers['sec-fetch-site']).toBe('cross-site')
    const turned = JSON.parse((await agent.post(`${home}/to?303&${home}/end`, { a: '1' })).text)
    expect([turned.method, turned.body]).toEqual(['GET', ''])
    const kept = JSON.parse((await agent.post(`${home}/to?307&${home}/end`, { a: '1' })).text)
    expect([kept.method, kept.body]).toEqual(['POST', 'a=1'])
  })

  it('stops at the first answer when told, and at a redirect loop', async () => {
    const port = await serve((_request, response) => response.writeHead(302, { location: '/' }).end())
    const agent = new UserAgent({ maxRedirects: 3 })
    expect((await agent.get(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).status).toBe(302)
    await expect(agent.get(`http://127.0.0.1:${port}/`)).rejects.toThrow('Too many redirects')
  })

  it('behaves as on the public origin that a proxy serves', async () => {
    const port = await mirror()
    const agent = new UserAgent({ origins: { 'https://app.example': `http://127.0.0.1:${port}` } })
    const page = await agent.get('https://app.example/x')
    expect(JSON.parse(page.text).headers).toMatchObject({ host: 'app.example', 'x-forwarded-proto': 'https' })
    expect(agent.cookies.get('seen')?.host).toBe('app.example')
    await expect(agent.get('https://other.example/')).rejects.toThrow('not mapped')
  })

  it('presses buttons and follows links by their label', async () => {
    const port = await serve((request, response) => {
      if (request.url !== '/') return void response.end(`${request.method} ${request.url}`)
      response.end(`<a href="/next?a=1&amp;b=2">Go&nbsp;on</a>
        <form method="get" action="/find"><input name="q" value="x"><input type="checkbox" name="no" value="1">
        <button name="how" value='fast &amp; loose'> Search <b>now</b> </button></form>`)
    })
    const agent = new UserAgent()
    const page = await agent.get(`http://127.0.0.1:${port}/`)
    expect((await agent.click(page, 'Go on')).text).toBe('GET /next?a=1&b=2')
    const found = await agent.submit(page, { button: 'Search now', fields: { q: 'y' } })
    expect(found.text).toBe('GET /find?q=y&how=fast+%26+loose')
    expect(() => agent.submit(page, { button: 'Missing' })).toThrow('No button')
    expect(() => agent.click(page, 'Missing')).toThrow('No link')
  })

  it('signs in or refuses in one call, and says when there was nothing to sign in to', async () => {
    const port = await serve((request, response) => response.end(request.url))
    const callback = `http://127.0.0.1:${port}/callback`
    const clients = [{ clientId: 'app', clientSecret: 'app-secret-1', redirectUris: [callback] }]
    const as = await startAuthorizationServer({ clients })
    const start = `${as.endpoints.authorization}?${new URLSearchParams({ response_type: 'code', client_id: 'app', redirect_uri: callback, state: 's' })}`
    expect((await new UserAgent().signIn(start, { as: 'Grace' })).text).toMatch(
      /^\/callback\?code=code_LKM\w+&state=s$/,
    )
    expect((await new UserAgent().signIn(start, { deny: true })).text).toMatch(/error=access_denied/)
    as.policy.autoApprove = 'user-ada'
    expect((await new UserAgent().signIn(start, { as: 'Ada' })).text).toMatch(/code=/)
    await expect(new UserAgent().signIn(`http://127.0.0.1:${port}/`, { as: 'Ada' })).rejects.toThrow(
      'No consent page',
    )
    await as.close()
  })

  it('says what the page says instead of a consent page, shortened and without queries', async () => {
    const texts = {
      '/json': [
        'application/json',
        '{"error":"invalid_request","error_description":"redirect_uri is not registered"}',
      ],
      '/text': ['text/plain', 'INVALID_CLIENT: Invalid redirect URI\nmore'],
      '/html': [
        'text/html',
        '<title>Oops</title><style>a{}</style>\n<h1>At /cb?code=abc&amp;state=x now</h1><p>more</p>',
      ],
      '/long': ['text/plain', 'long '.repeat(100)],
    } as const
    const port = await serve((request, response) => {
      const [type, body] = texts[request.url as keyof typeof texts]
      response.writeHead(400, { 'content-type': type }).end(body)
    })
    const failure = async (path: string): Promise<string> => {
      const failed = new UserAgent().signIn(`http://127.0.0.1:${port}${path}`, { as: 'Ada' })
      return (await failed.catch((error: Error) => error.message)) as string // it always fails
    }
    expect(await failure('/json')).toMatch(/\/json answered 400: redirect_uri is not registered$/)
    expect(await failure('/text')).toMatch(/answered 400: INVALID_CLIENT: Invalid redirect URI$/)
    expect(await failure('/html')).toMatch(/answered 400: At \/cb\?… now$/)
    expect((await failure('/long')).length).toBeLessThan(200)
  })

  it('refuses a page of origin that is no URL in a string', async () => {
    const url = 'http://127.0.0.1:9/'
    const wrong = (from: unknown) => new UserAgent().get(url, { from: from as string }) // as from JavaScript
    await expect(wrong(new URL(url))).rejects.toThrow('absolute URL of a page as a string')
    await expect(wrong({ url })).rejects.toThrow('a value of type object')
    await expect(wrong('cross-site')).rejects.toThrow('a text that is none')
    const post = new UserAgent().post(url, {}, { from: { url } as unknown as string }) // as from JavaScript
    await expect(post).rejects.toThrow('"from"')
  })
})

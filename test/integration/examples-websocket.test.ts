import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type ExampleProgram, runExample } from './example-program.fixture.ts'

/** What a socket says: its messages until there are as many as wanted, or how it ended. */
function listen({ port }: ExampleProgram, headers: Record<string, string>, wanted: number) {
  return new Promise<readonly string[]>((resolve) => {
    const heard: string[] = []
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers })
    socket.onmessage = ({ data }) => {
      heard.push(String(data))
      if (heard.length < wanted) return
      socket.close()
      resolve(heard)
    }
    socket.onclose = () => resolve([...heard, 'ended'])
  })
}

/** The status that refuses a socket. */
async function refusal({ port }: ExampleProgram, headers: Record<string, string>) {
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  const asked = request({ host: '127.0.0.1', port, headers: { ...upgrade, ...headers } }).end()
  const [answer] = await once(asked, 'response')
  return answer.statusCode
}

async function signedIn() {
  const program = await runExample('websocket')
  const ada = program.browser()
  const page = await ada.signIn(program.baseUrl, { as: 'Ada' })
  const cookie = ada.cookies.header(new URL(program.baseUrl), { method: 'GET', sameSite: true }) ?? ''
  return { program, ada, page, cookie, origin: program.baseUrl }
}

describe('the example websocket', () => {
  it('greets who opened the page, and brings data of their account', async () => {
    const { program, page, cookie, origin } = await signedIn()
    expect(page.text).toContain('new WebSocket(')
    const heard = await listen(program, { cookie, origin }, 4)
    expect(heard).toHaveLength(4)
    expect(heard[0]).toBe('Hello Ada')
  })

  it('refuses strangers, pages of other sites, and whoever has signed out', async () => {
    const { program, ada, cookie, origin } = await signedIn()
    expect(await refusal(program, { origin })).toBe(401)
    expect(await refusal(program, { cookie, origin: 'https://evil.example' })).toBe(403)
    await ada.post(`${program.baseUrl}/logout`)
    expect(await refusal(program, { cookie, origin })).toBe(401)
  })

  it('ends when Spotify does not answer', async () => {
    const { program, cookie, origin } = await signedIn()
    program.emulators.spotify.api.faults.always('topTracks', { dropBeforeCommit: true })
    expect(await listen(program, { cookie, origin }, 4)).toEqual(['Hello Ada', 'ended'])
  })
})

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Opens an address in the person's browser, or `false`: never does. */
export type OpenBrowser = boolean | ((url: string) => unknown)

/** A program's own way to open it may wait for a page that comes only once the sign-in goes on. */
const longestOpeningMs = 1_000
const loopback = new Set(['127.0.0.1', '[::1]'])
/** What a browser needs to be found and shown. Client secrets and the like are not among it. */
const passedOn =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DESKTOP_SESSION|GNOME_\w+_ID|KDE_\w+|BROWSER|WSL_\w+|SystemRoot|SystemDrive|windir|APPDATA|LOCALAPPDATA|USERPROFILE|HOMEDRIVE|HOMEPATH|TEMP|TMP|ProgramFiles|ProgramFiles\(x86\)|ProgramData|PATHEXT|ComSpec)$/i
/** The program beside this one, compiled or not. In a bundle it is not there. */
const opener = fileURLToPath(new URL(`./open-url${extname(import.meta.filename)}`, import.meta.url))

/**
 * The address as it may be handed to a browser, written anew; `undefined` for any other: a server that can make this machine
 * open a file, a script or a program of its own has more than it should.
 */
export function openableUrl(text: string): string | undefined {
  // Before parsing, which would take some of them out in silence.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u0020\u007f"'`<>\\^{|}$]/.test(text)) return undefined
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return undefined
  if (url.protocol === 'https:') return url.href
  return url.protocol === 'http:' && loopback.has(url.hostname) ? url.href : undefined
}

/** True when the browser was asked. It may still not have shown anything: the address is always printed too. */
export async function openInBrowser(text: string, how: OpenBrowser): Promise<boolean> {
  const url = openableUrl(text)
  if (url === undefined || how === false) return false
  try {
    if (how === true) await startOpener(url)
    else await Promise.race([how(url), pause(longestOpeningMs)])
    return true
  } catch {
    return false
  }
}

/** The variables that a child process gets. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.test(name)))
}

/** One argument, and no shell that could read anything into it. */
function startOpener(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!existsSync(opener)) throw new Error('There is no program to open a browser with.')
    const child = spawn(process.execPath, [opener, url], {
      detached: true,
      env: childEnvironment(process.env),
      stdio: 'ignore',
    })
    child.once('error', reject)
    child.once('spawn', () => {
      child.unref()
      resolve()
    })
  })
}

import type { Routes } from '../flows/settings.ts'
import type { NamesOf } from '../input/known-names.ts'
import { invalidOption } from './invalid-option.ts'
import { requireOptionsObject } from './option-shapes.ts'

/** The option `routes`: where Latchkey's own pages are. Paths below `baseUrl`. */
export interface RouteOptions {
  /** Before `login`, `callback` and `logout`. @default '' */
  readonly prefix?: string
  /** The sign-in page; `/<provider>` below it begins a login. @default '/login' */
  readonly login?: string
  /** `/<provider>` below it is the redirect URI. @default '/callback' */
  readonly callback?: string
  /** Answers POST only. @default '/logout' */
  readonly logout?: string
  /** Where a sign-in leads that was not on its way to anything; not prefixed. @default '/' */
  readonly afterLogin?: string
  /** Where a sign-out leads; not prefixed. @default '/' */
  readonly afterLogout?: string
}

const names: NamesOf<RouteOptions> = {
  prefix: true,
  login: true,
  callback: true,
  logout: true,
  afterLogin: true,
  afterLogout: true,
}

/** The option `routes`, checked and complete. */
export function routes(options: RouteOptions): Routes {
  requireOptionsObject('routes', options, names, "an object like { prefix: '/auth' }")
  const { prefix = '', login = '/login', callback = '/callback', logout = '/logout' } = options
  const { afterLogin = '/', afterLogout = '/' } = options
  if (prefix !== '') checkPath('prefix', prefix)
  checkPath('login', login)
  checkPath('callback', callback)
  checkPath('logout', logout)
  if (new Set([login, callback, logout]).size < 3) {
    throw invalidOption('The options routes.login, routes.callback and routes.logout must differ.')
  }
  for (const [name, path] of Object.entries({ afterLogin, afterLogout })) {
    if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(path)) {
      throw invalidOption(`The option routes.${name} must be a path of this app, like /home.`)
    }
  }
  return { prefix, login, callback, logout, afterLogin, afterLogout }
}

/** Segments of unreserved characters: such a path reads the same encoded and decoded. */
function checkPath(name: string, path: string): void {
  if (/^(\/[\w.~-]+)+$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path)) return
  throw invalidOption(`The option routes.${name} must be a path like /auth, without a slash at its end.`)
}

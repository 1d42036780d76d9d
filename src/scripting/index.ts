/** scripting/: Lua scripts and functions. What the rest of Starling may use of it is exported here. */
export { Scripting } from './scripting.ts';

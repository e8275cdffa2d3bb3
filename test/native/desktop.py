"""The parts of a desktop that an app talks to over D-Bus: where icons of the tray live, and notifications.

One line of JSON per command on stdin and one per answer, {"value"} or {"error"}, on stdout, in order:
  {"menu": null}         labels of the tray icon's menu, [] without an icon
  {"choose": "LABEL"}    clicks on the first entry that begins like that; whether there was one
  {"notifications": null}  what is shown now: [{"id", "title", "text"}]
  {"open": ID}           clicks on a notification
  {"tray": true|false}   begins or ends to be a place for icons
"""
import json
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
INTERFACES = Gio.DBusNodeInfo.new_for_xml(
    f"""<node>
<interface name="{WATCHER}">
  <method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
  <method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
  <property name="RegisteredStatusNotifierItems" type="as" access="read"/>
  <property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
  <property name="ProtocolVersion" type="i" access="read"/>
</interface>
<interface name="{NOTIFICATIONS}">
  <method name="Notify">
    <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
    <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
    <arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/>
  </method>
  <method name="CloseNotification"><arg type="u" direction="in"/></method>
  <signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
</interface>
</node>"""
)

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
icons = []  # (bus name, object path)
shown = {}
names = {}
last = 0


def call(connection, sender, path, interface, method, arguments, invocation):
    global last
    given = arguments.unpack()
    if method == "RegisterStatusNotifierItem":
        # Either the object's path on the caller's connection, or a bus name.
        icons.append((sender, given[0]) if given[0].startswith("/") else (given[0], "/StatusNotifierItem"))
    elif method == "Notify":
        last = given[1] or last + 1
        shown[last] = {"id": last, "title": given[3], "text": given[4]}
        invocation.return_value(GLib.Variant("(u)", (last,)))
        return
    elif method == "CloseNotification":
        shown.pop(given[0], None)
    invocation.return_value(None)


def prop(connection, sender, path, interface, name):
    values = {
        "RegisteredStatusNotifierItems": GLib.Variant("as", [name + path for name, path in icons]),
        "IsStatusNotifierHostRegistered": GLib.Variant("b", True),
        "ProtocolVersion": GLib.Variant("i", 0),
    }
    return values[name]


def ask(name, path, interface, method, arguments):
    return bus.call_sync(name, path, interface, method, arguments, None, 0, 5000, None).unpack()


def entries():
    """The menu of the newest icon that is still there, as (bus name, menu path, id, label)."""
    for name, path in reversed(icons):
        try:
            menu = ask(
                name, path, "org.freedesktop.DBus.Properties", "Get",
                GLib.Variant("(ss)", ("org.kde.StatusNotifierItem", "Menu")),
            )[0]
            layout = ask(name, menu, "com.canonical.dbusmenu", "GetLayout", GLib.Variant("(iias)", (0, -1, [])))
        except GLib.Error:
            continue  # That program has ended.
        children = layout[1][2]
        # An underscore marks the key of an entry, two are one.
        return [
            (name, menu, child[0], child[1]["label"].replace("__", "\0").replace("_", "").replace("\0", "_"))
            for child in children
            if "label" in child[1]
        ]
    return []


def own(name):
    names[name] = Gio.bus_own_name_on_connection(bus, name, Gio.BusNameOwnerFlags.NONE, None, None)


def answer(command):
    (verb, value), = command.items()
    if verb == "menu":
        return [label for _, _, _, label in entries()]
    if verb == "choose":
        for name, menu, number, label in entries():
            if label.startswith(value):
                event = GLib.Variant("(isvu)", (number, "clicked", GLib.Variant("s", ""), 0))
                try:
                    ask(name, menu, "com.canonical.dbusmenu", "Event", event)
                except GLib.Error as error:
                    # Whom we told to quit may be gone before it answers.
                    if not error.matches(Gio.dbus_error_quark(), Gio.DBusError.NO_REPLY):
                        raise
                return True
        return False
    if verb == "notifications":
        return list(shown.values())
    if verb == "open":
        arguments = GLib.Variant("(us)", (value, "default"))
        bus.emit_signal(None, "/org/freedesktop/Notifications", NOTIFICATIONS, "ActionInvoked", arguments)
        return True
    if verb == "tray":
        if value:
            own(WATCHER)
        else:
            Gio.bus_unown_name(names.pop(WATCHER))
            icons.clear()
        return True
    raise ValueError(verb)


def readable(channel, condition):
    line = sys.stdin.readline()
    if not line:
        loop.quit()
        return False
    try:
        reply = {"value": answer(json.loads(line))}
    except Exception as error:
        reply = {"error": str(error)}
    print(json.dumps(reply), flush=True)
    return True


for path, interface in [
    ("/StatusNotifierWatcher", INTERFACES.lookup_interface(WATCHER)),
    ("/org/freedesktop/Notifications", INTERFACES.lookup_interface(NOTIFICATIONS)),
]:
    bus.register_object(path, interface, call, prop, None)
own(NOTIFICATIONS)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, readable)
loop.run()
